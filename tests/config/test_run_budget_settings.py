import pytest

from omega_fast.config import AnnotateConfig, resolve
from omega_fast.errors import ConfigError


def resolved(**changes: object) -> AnnotateConfig:
    return resolve(env={}, overrides={"question_file": "ledger", **changes})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h30m", 9000),
        ("90m", 5400),
        ("5400", 5400),
        ("1.5h", 5400),
        ("1d 2h", 93_600),
        (" 45S ", 45),
        (7, 7),
    ],
)
def test_a_time_is_read_as_people_write_it(text: object, seconds: float) -> None:
    assert resolved(max_time=text).max_time == seconds


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-5", "0", "0h", "30m2h", "1h1h", "1h30", "1e9", "inf", "nan", "h", "2:30", "\u0665h", -1],
)
def test_what_is_no_time_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ConfigError) as raised:
        resolved(max_time=text)
    assert "max_time" in raised.value.message


@pytest.mark.parametrize(
    "changes",
    [
        {"max_tokens": 0},
        {"max_tokens": -1},
        {"max_tokens": "many"},
        {"max_tokens": 2**64},
        {"max_tokens": 127},
        {"max_cost": 0, "price_file": "p.yaml"},
        {"max_cost": -1, "price_file": "p.yaml"},
        {"max_cost": "nan", "price_file": "p.yaml"},
        {"max_cost": "inf", "price_file": "p.yaml"},
        {"max_cost": "1 EUR", "price_file": "p.yaml"},
        {"max_cost": 1},
        {"spend": "yield"},
    ],
    ids=str,
)
def test_budgets_that_cannot_be_are_refused_by_name(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as raised:
        resolved(**changes)
    assert next(iter(changes)) in raised.value.message


def test_they_may_come_from_the_environment() -> None:
    env = {"OMEGA_QUESTION_FILE": "ledger", "OMEGA_MAX_TIME": "2h", "OMEGA_MAX_COST": "0.1"}
    config = resolve(env=env | {"OMEGA_PRICE_FILE": "p.yaml"})
    assert (config.max_time, str(config.max_cost)) == (7200, "0.1")
    assert config.price_file is not None
    assert config.price_file.is_absolute()


def test_they_decide_no_label() -> None:
    names = {"max_tokens", "max_cost", "max_time", "price_file", "spend"}
    assert names <= resolved().operational().keys()


@pytest.mark.parametrize("limit", [{"max_tokens": 1000}, {"max_cost": 1, "price_file": "p.yaml"}])
def test_where_each_token_counts_none_is_spent_early_unless_asked_for(limit: dict[str, object]) -> None:
    assert resolved().early_share > 0
    assert resolved(**limit).early_share == 0
    assert resolved(speculation=0.25, **limit).early_share == 0.25


def test_a_budget_finishes_the_first_questions_first_unless_told_otherwise() -> None:
    assert not resolved().finishes_first
    assert resolved(max_time="1h").finishes_first
    assert not resolved(max_time="1h", spend="even").finishes_first
    assert resolved(spend="finish").finishes_first
