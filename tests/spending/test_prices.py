from decimal import Decimal
from pathlib import Path

import pytest

from omega_fast.errors import ConfigError
from omega_fast.records import Usage
from omega_fast.spending.prices import read_prices

YAML = "currency: EUR\nmodels:\n  m/1: {prompt: 0.15, cached_prompt: 0.07, generated: 0.6}\n"
TOML = 'currency = "EUR"\n[models."m/1"]\nprompt = 0.15\ncached_prompt = 0.07\ngenerated = 0.6\n'
JSON = '{"currency": "EUR", "models": {"m/1": {"prompt": 0.15, "cached_prompt": "0.07", "generated": 0.6}}}'


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(("name", "text"), [("p.yaml", YAML), ("p.toml", TOML), ("p.json", JSON)])
def test_every_kind_of_file_gives_the_same_exact_prices(tmp_path: Path, name: str, text: str) -> None:
    prices = read_prices(written(tmp_path, name, text), "m/1")
    assert prices.currency == "EUR"
    assert prices.cost(Usage(3_000_000, 1_000_000, 10)) == Decimal("0.370006")


def test_cached_tokens_cost_what_others_do_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    prices = read_prices(written(tmp_path, "p.yaml", "models: {m: {prompt: 2, generated: 3}}"), "m")
    assert prices.cost(Usage(1_000_000, 1_000_000, 0)) == 2


def test_no_split_between_fresh_and_cached_costs_more_than_at_most(tmp_path: Path) -> None:
    dear = "models: {m: {prompt: 1, cached_prompt: 5, generated: 3}}"
    prices = read_prices(written(tmp_path, "p.yaml", dear), "m")
    for cached in (0, 4, 10):
        assert prices.cost(Usage(10, cached, 7)) <= prices.at_most(Usage(10, 0, 7))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: {n: {prompt: 1, generated: 1}}", "has no prices of 'm'; it has n"),
        ("models: {}", "it has none"),
        ("models: {m: {prompt: -1, generated: 1}}", "m.prompt -1 is negative"),
        ("models: {m: {prompt: 1, generated: cheap}}", "m.generated 'cheap' is no number"),
        ("models: {m: {prompt: 1, generated: .nan}}", "is no number"),
        ("models: {m: {prompt: 1, generated: .inf}}", "is no number"),
        ("models: {m: {prompt: 1, generated: 1e300}}", "is no number"),
        ("models: {m: {prompt: true, generated: 1}}", "is no number"),
        ("models: {m: {prompt: [1], generated: 1}}", "is no number"),
        ("models: {m: {prompt: 1}}", "m.generated is missing"),
        ("models: {m: {prompt: 1, generated: 1, input: 2}}", "m.input is not known"),
        ("models: {m: 3}", "m has no mapping of prices"),
        ("m: {prompt: 1, generated: 1}", "'m' is not known"),
        ("models: [m]", "has no mapping `models`"),
        ("currency: 3\nmodels: {m: {prompt: 1, generated: 1}}", "currency 3 is no text"),
        ("- a", "is not a mapping"),
        ("", "is not a mapping"),
        ("models: {m: {prompt: 1", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_place(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, "p.yaml", text)
    with pytest.raises(ConfigError) as raised:
        read_prices(path, "m")
    assert said in raised.value.message
    assert str(path) in raised.value.message
    assert raised.value.hint


def test_a_misspelt_model_is_pointed_to(tmp_path: Path) -> None:
    path = written(tmp_path, "p.yaml", "models: {qwen-0.6b: {prompt: 1, generated: 1}}")
    with pytest.raises(ConfigError) as raised:
        read_prices(path, "qwen-0.6B")
    assert "did you mean 'qwen-0.6b'" in (raised.value.hint or "")


@pytest.mark.parametrize("name", ["missing.yaml", "prices.txt", "folder.yaml"])
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError):
        read_prices(tmp_path / name, "m")
