import json
from pathlib import Path

import pytest

from omega_fast.config import generation_settings, resolve
from omega_fast.errors import ConfigError


def model(folder: Path, **settings: object) -> str:
    (folder / "generation_config.json").write_text(json.dumps(settings))
    return str(folder)


def test_the_models_own_sampling_is_taken_and_silence_means_what_transformers_does(tmp_path: Path) -> None:
    name = model(tmp_path, do_sample=True, temperature=0.6, top_p=0.95, max_new_tokens=64)
    assert generation_settings(name) == {"temperature": 0.6, "top_k": 50, "top_p": 0.95, "max_new_tokens": 64}


def test_preset_auto_takes_it_and_flags_win_over_it(tmp_path: Path) -> None:
    name = model(tmp_path, do_sample=True, temperature=0.6)
    config = resolve("auto", env={}, overrides={"question_file": "q", "model_name": name, "top_k": 7})
    assert (config.temperature, config.top_k) == (0.6, 7)


def test_the_embedded_policy_has_settings_of_its_own() -> None:
    assert generation_settings("ledger-policy")["max_new_tokens"] == 128


def test_greedy_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="greedy"):
        generation_settings(model(tmp_path, temperature=0.6))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no generation_config\.json"):
        generation_settings(str(tmp_path))


@pytest.mark.parametrize("text", ["{", "3", "[1]"])
def test_a_damaged_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "generation_config.json").write_text(text)
    with pytest.raises(ConfigError, match="cannot be read"):
        generation_settings(str(tmp_path))
