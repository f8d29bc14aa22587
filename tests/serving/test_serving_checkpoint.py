import pytest

from omega_fast.errors import ConfigError
from omega_fast.serving.checkpoint import look_at
from omega_fast.serving.settings import ModelSettings


def look(part, model, **settings):
    return look_at(part, ModelSettings(model=str(model), port=1, **settings))


@pytest.mark.parametrize(
    ("architecture", "task"),
    [
        ("LlamaForTokenClassification", "score"),
        ("Qwen2ForProcessRewardModel", "score"),
        ("Qwen2ForSequenceClassification", "score"),
        ("Qwen2ForCausalLM", "generate"),
    ],
)
def test_a_reward_model_scores_or_writes_as_its_architecture_says(make_model, architecture, task):
    assert look("reward", make_model("m", architecture)).task == task


def test_the_task_of_a_reward_model_can_be_set(make_model):
    assert look("reward", make_model("m", "Qwen2ForCausalLM"), task="score").task == "score"
    assert look("reward", make_model("n", "Own"), task="generate").task == "generate"


def test_a_policy_that_only_scores_is_refused(reward):
    with pytest.raises(ConfigError, match="scores and does not write") as refused:
        look("policy", reward)
    assert "--reward" in refused.value.hint


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "consolidated.pth", "model.pt"])
def test_pickled_weights_alone_are_refused(make_model, weights):
    folder = make_model("m", weights=weights)
    with pytest.raises(ConfigError, match=f"pickled weights alone.*{weights}") as refused:
        look("policy", folder)
    assert "save_pretrained" in refused.value.hint
    (folder / "model.safetensors").write_bytes(b"")
    assert look("policy", folder).task == "generate"


def test_a_folder_that_is_no_model_is_refused_with_what_it_lacks(make_model, tmp_path):
    with pytest.raises(ConfigError, match="has no weights"):
        look("policy", make_model("m", weights=""))
    with pytest.raises(ConfigError, match=r"no config\.json"):
        look("policy", tmp_path)
    (tmp_path / "m" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        look("policy", tmp_path / "m")


def test_an_adapter_in_the_place_of_a_model_is_recognised(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ConfigError) as refused:
        look("reward", tmp_path)
    assert "--reward-adapter" in refused.value.hint


@pytest.mark.parametrize("name", ["/nowhere/at/all", "missing", "./a/b", "../x/y", "here/missing", "a/b/c"])
def test_a_folder_that_is_missing_is_not_taken_for_a_hub_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    with pytest.raises(ConfigError, match="there is no folder"):
        look("policy", name)


def test_a_file_is_no_model(tmp_path):
    (tmp_path / "model.gguf").write_bytes(b"")
    with pytest.raises(ConfigError, match="is a file"):
        look("policy", tmp_path / "model.gguf")


def test_a_hub_name_is_taken_as_it_is_but_what_a_reward_model_is_for_must_be_known():
    name = "nobody-has-this/model-1.5b"
    assert look("policy", name).source == name
    assert look("reward", name, task="score").task == "score"
    with pytest.raises(ConfigError, match="cannot be told") as refused:
        look("reward", name)
    assert "--reward-task" in refused.value.hint
