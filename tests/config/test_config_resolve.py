import json
from pathlib import Path
from typing import Any

import pytest

from omega_fast.config import AnnotateConfig, resolve
from omega_fast.errors import ConfigError

QUESTIONS = {"question_file": "questions.json", "model_name": "some/model"}


def resolved(
    preset: str | None = None, recipe: Path | None = None, env: Any = None, **overrides: Any
) -> AnnotateConfig:
    return resolve(preset, recipe, env or {}, {**QUESTIONS, **overrides})


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_later_source_wins(tmp_path: Path) -> None:
    recipe = write(tmp_path / "r.yaml", "num_rollouts: 9\nalpha: 0.4\nbeta: 0.7\n")
    env = {"OMEGA_ALPHA": "0.3", "OMEGA_BETA": "0.6"}
    config = resolved("paper", recipe, env, beta=0.5)
    assert (config.max_search_count, config.num_rollouts, config.alpha, config.beta) == (100, 9, 0.3, 0.5)
    assert config.top_k == 30


def test_none_among_the_overrides_counts_as_not_given() -> None:
    assert resolved(num_rollouts=None).num_rollouts == 16


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".toml", ".json"])
def test_recipes_are_read_by_their_suffix(tmp_path: Path, suffix: str) -> None:
    text = {".toml": "preset = 'openr'\nseed = 7", ".json": '{"preset": "openr", "seed": 7}'}
    config = resolved(recipe=write(tmp_path / f"r{suffix}", text.get(suffix, "preset: openr\nseed: 7")))
    assert (config.seed, config.length_unit) == (7, "words")


def test_the_preset_of_the_recipe_gives_way_to_one_that_is_named(tmp_path: Path) -> None:
    recipe = write(tmp_path / "r.yaml", "preset: openr\n")
    assert resolved("paper", recipe).num_rollouts == 8
    assert resolved(recipe=recipe, env={"OMEGA_PRESET": "paper"}).num_rollouts == 8


def test_the_environment_may_name_the_recipe(tmp_path: Path) -> None:
    assert resolved(env={"OMEGA_RECIPE": str(write(tmp_path / "r.yaml", "seed: 3"))}).seed == 3


def test_questions_of_the_embedded_task_bring_its_preset() -> None:
    config = resolve(env={}, overrides={"question_file": "ledger", "top_k": 5})
    assert (config.separator, config.temperature, config.top_k, config.limit) == ("\n", 1.0, 5, None)


@pytest.mark.parametrize(
    ("text", "value"), [("False", False), ("false", False), ("0", False), ("True", True), ("1", True)]
)
def test_switches_given_as_text_mean_what_they_say(text: str, value: bool) -> None:
    assert resolved(save_data_tree=text).save_data_tree is value
    assert resolved(env={"OMEGA_SAVE_DATA_TREE": text}).save_data_tree is value


def test_escapes_are_undone_in_the_environment_alone() -> None:
    assert resolved(env={"OMEGA_SEPARATOR": r"\n\t"}).separator == "\n\t"
    assert resolved(separator=r"\n").separator == r"\n"


def test_stops_in_the_environment_are_one_text_or_a_list() -> None:
    assert resolved(env={"OMEGA_STOP": r"\nQ:"}).stop == ("\nQ:",)
    assert resolved(env={"OMEGA_STOP": '["Q:", "Question"]'}).stop == ("Q:", "Question")


def test_a_later_way_to_split_takes_back_an_earlier_one(tmp_path: Path) -> None:
    recipe = write(tmp_path / "r.yaml", "split_pattern: '[.]'\n")
    assert json.loads(resolved("ledger", recipe, split_tokens=64).core_config())["split"] == {
        "by": "midpoint",
        "max_tokens": 64,
    }
    assert resolved(recipe=recipe, separator="\n").split_pattern is None


def test_two_ways_to_split_from_one_source_are_refused() -> None:
    with pytest.raises(ConfigError, match="exclude each other"):
        resolved(separator="\n", split_tokens=5)


@pytest.mark.parametrize(
    ("env", "overrides", "message", "hint"),
    [
        ({}, {"num_rolouts": 3}, "num_rolouts from keywords is no setting", "num_rollouts"),
        ({"OMEGA_NUM_ROLLOUT": "3"}, {}, "OMEGA_NUM_ROLLOUT is no setting", "OMEGA_NUM_ROLLOUTS"),
        (
            {"OMEGA_NUM_ROLLOUTS": "many"},
            {},
            "num_rollouts 'many' from the environment: input",
            "Draws that settle",
        ),
        (
            {},
            {"locate": "bisect"},
            "locate 'bisect' from keywords: input should be 'binary'",
            "How the first error",
        ),
        ({}, {"model_type": "jax"}, "there is no engine 'jax'", "Engine"),
        ({}, {"rollout_budget": 8}, "does not pay for the 16 draws", "raise it"),
        ({}, {"token_budget": 10}, "does not pay for one continuation", "raise one"),
        ({}, {"temperature": 0}, "all draws from a state the same", "raise it"),
        ({}, {"prompt_template": "solve"}, "put {problem} where", "What the policy is asked"),
        ({}, {"verifier": "my checker"}, "module:function", "What judges"),
        ({}, {"top_p": "nan"}, "top_p 'nan'", "likeliest"),
        ({}, {"trust_remote_code": True}, "what the hub holds that day", "set revision"),
    ],
)
def test_errors_name_the_setting_its_source_and_the_remedy(
    env: dict[str, str], overrides: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolved(env=env, **overrides)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_other_variables_with_the_prefix_are_left_alone() -> None:
    assert resolved(env={"OMEGA_DATA": "/data", "OMEGA_THREAD_POOL": "4"}) == resolved()


def test_questions_must_be_given() -> None:
    with pytest.raises(ConfigError, match="question_file is not set"):
        resolve(env={}, overrides={})


def test_the_embedded_policy_is_used_on_other_questions_only_when_asked_for() -> None:
    with pytest.raises(ConfigError, match="model_name is not set"):
        resolve(env={}, overrides={"question_file": "q.json"})
    assert resolved(model_name="ledger-policy").model_name == "ledger-policy"


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        resolved("papper")
    assert "paper" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.yaml", "- 1", "is not a mapping"),
        ("r.yaml", "a: [", "cannot be read"),
        ("r.toml", "a b", "cannot be read"),
        ("r.ini", "a=1", "of no known kind"),
        ("r.yaml", "preset: 3", "preset is not a name"),
        ("r.yaml", "alhpa: 3", "alhpa from recipe"),
    ],
)
def test_bad_recipes_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolved(recipe=write(tmp_path / name, text))


def test_a_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        resolved(recipe=tmp_path / "none.yaml")


def test_chat_options_are_a_json_object_or_a_mapping(tmp_path: Path) -> None:
    said = {"enable_thinking": False, "effort": "high"}
    assert resolved(chat_options=json.dumps(said)).chat_options == said
    assert resolved(env={"OMEGA_CHAT_OPTIONS": json.dumps(said)}).chat_options == said
    recipe = write(tmp_path / "r.yaml", "chat_options:\n  enable_thinking: false\n  effort: high\n")
    assert resolved(recipe=recipe).chat_options == said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"chat_options": "enable_thinking=false"}, "write a JSON object"),
        ({"chat_options": "[1]"}, "chat_options"),
        ({"chat_options": "{}x"}, "write a JSON object"),
        ({"chat_options": '{"a": 1}', "chat": False}, "for a chat template"),
        ({"chat_options": {"tokenize": True, "a": 1}}, "tokenize: an argument of apply_chat_template"),
        ({"chat_options": {"add_generation_prompt": False}}, "add_generation_prompt: an argument of"),
        ({"chat_options": {"messages": []}}, "messages: an argument of"),
        ({"split_thought": "before"}, "split_thought"),
        ({"thought_open": "</think>"}, "contain one another"),
        ({"thought_close": ""}, "thought_close"),
    ],
)
def test_what_cannot_be_said_of_chats_and_thoughts_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        resolved(**settings)


def test_waits_grow_with_the_longest_continuation_unless_they_are_set() -> None:
    assert resolved().longest_wait(None) == 600
    long = resolved(max_new_tokens=32_768)
    assert long.longest_wait(long.stall_timeout) == 3276.8
    assert long.longest_wait(30.0) == 30.0
