import json
import re
from pathlib import Path

import pytest

from omega_fast.config import PRESETS, AnnotateConfig, settings_of

CONFIG = AnnotateConfig(question_file="q.json")
CORE_SOURCE = Path(__file__).parents[2] / "rust/omega-core/src/config.rs"


def test_every_setting_is_of_exactly_one_kind_and_explained() -> None:
    kinds = [CONFIG.identity(), CONFIG.extensible(), CONFIG.operational()]
    assert sorted(name for kind in kinds for name in kind) == sorted(AnnotateConfig.model_fields)
    for setting in settings_of(AnnotateConfig):
        assert setting.description, setting.name
        assert not setting.description.endswith("."), setting.name
        assert "\n" not in setting.description, setting.name


def test_the_sections_are_json() -> None:
    for section in (CONFIG.identity(), CONFIG.extensible(), CONFIG.operational()):
        assert json.loads(json.dumps(section)) == section


def test_what_decides_labels_is_identity_and_what_may_grow_is_extensible() -> None:
    assert {"seed", "num_rollouts", "temperature", "separator", "verifier"} <= CONFIG.identity().keys()
    assert CONFIG.extensible().keys() == {
        "question_file",
        "format",
        "limit",
        "max_search_count",
        "rollout_budget",
        "token_budget",
    }


def test_the_core_is_given_every_field_it_knows_and_no_other() -> None:
    fields = re.search(r"pub struct Config \{(.*?)\n\}", CORE_SOURCE.read_text(), re.DOTALL)
    assert fields is not None
    assert sorted(json.loads(CONFIG.core_config())) == sorted(re.findall(r"pub (\w+):", fields[1]))


def test_the_core_accepts_every_way_to_split() -> None:
    core = pytest.importorskip("omega_fast._core", reason="needs the compiled core")
    for change in ({}, {"split_pattern": r"[.]\s"}, {"split_tokens": 32}, {"token_budget": 5000}):
        core.Scheduler(AnnotateConfig(question_file="q", **change).core_config())


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_valid(preset: str) -> None:
    config = AnnotateConfig(question_file="q", **PRESETS[preset])
    for name, value in PRESETS[preset].items():
        assert getattr(config, name) == value


@pytest.mark.parametrize("preset", ["openr", "paper"])
def test_the_published_searches_are_one_preset_away(preset: str) -> None:
    assert CONFIG.locate == "bayes"
    published = AnnotateConfig(question_file="q", **PRESETS[preset])
    assert (published.locate, published.right_leaves, published.soft_rollouts) == ("binary", "root", 0)
    assert (published.no_answer, published.truncated) == ("wrong", "wrong")


def test_the_sampling_is_what_was_set() -> None:
    sampling = AnnotateConfig(
        question_file="q", temperature=0.5, top_k=3, top_p=0.8, max_new_tokens=9
    ).sampling()
    assert (sampling.temperature, sampling.top_k, sampling.top_p, sampling.max_new_tokens) == (0.5, 3, 0.8, 9)
