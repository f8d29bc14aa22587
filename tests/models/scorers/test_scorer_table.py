from __future__ import annotations

import json

import pytest
import torch

from omega_fast.errors import BackendError, ConfigError
from omega_fast.models.scorers import SHAPES, ScorerOptions, load_scorer
from tests.models.scorers.shaped import qwen, rlhflow, shepherd, tokenizer


class Half:
    def score_many(self, solutions):
        return [[0.5] * len(steps) for _, steps in solutions]


def half():
    return Half()


def nothing():
    return object()


def test_a_function_of_ones_own_makes_a_scorer():
    assert load_scorer(f"{__name__}:half").score_many([("x", ["a", "b"])]) == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.such.module:half", "cannot load scorer no.such.module:half"),
        (f"{__name__}:no_such", "cannot load scorer"),
        (f"{__name__}:nothing", "returned object, which has no score_many"),
    ],
)
def test_a_function_that_makes_none_is_refused(name, message):
    with pytest.raises(ConfigError, match=message):
        load_scorer(name)


def test_an_unknown_shape_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="unknown shape 'bert'") as caught:
        load_scorer("x", "bert")
    assert all(name in caught.value.hint for name in SHAPES)


def test_a_language_model_does_not_say_how_it_scores(tmp_path):
    with pytest.raises(
        BackendError, match=r"nothing in .* \(MistralForCausalLM\) says how it scores"
    ) as caught:
        load_scorer(str(shepherd(tmp_path / "model")))
    assert "--shape" in caught.value.hint
    assert all(each.description in caught.value.hint for each in SHAPES.values())


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BackendError, match="none': there is no such folder"):
        load_scorer(str(tmp_path / "none"))


def test_a_model_without_the_head_is_not_given_a_random_one(tmp_path):
    folder = rlhflow(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "qwen2"}))
    with pytest.raises(BackendError, match=r"is not of this shape: it has no|cannot load scorer"):
        load_scorer(str(folder), "qwen-prm")


def test_a_pickled_checkpoint_is_refused(tmp_path):
    folder, _, _ = qwen(tmp_path / "qwen")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(BackendError, match="cannot load scorer") as caught:
        load_scorer(str(folder))
    assert "pickle" in caught.value.hint


def test_a_tokenizer_without_the_marker_is_of_another_shape(tmp_path):
    folder = rlhflow(tmp_path / "model")
    tokenizer(chat=False).save_pretrained(folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    with pytest.raises(BackendError, match="no chat template"):
        load_scorer(str(folder), "rlhflow")


@pytest.mark.parametrize("name", ["batch_tokens", "max_length"])
def test_options_are_positive(name):
    with pytest.raises(ConfigError, match=f"{name} is 0"):
        ScorerOptions(**{name: 0})


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_what_a_checkpoint_needs_and_is_not_there_is_named(tmp_path, monkeypatch, missing):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    folder = rlhflow(tmp_path / "model")
    monkeypatch.setattr("omega_fast.models.scorers.table.import_module", absent)
    with pytest.raises(BackendError, match=f"needs {missing}, which is not installed") as caught:
        load_scorer(str(folder), "rlhflow")
    assert "omega_fast[torch]" in caught.value.hint
