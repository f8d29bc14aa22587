import json
import shutil

import pytest
import torch
from tiny_checkpoints import save_checkpoint
from transformers import AutoModelForCausalLM

from omega_fast.backends.checkpoint import load_checkpoint
from omega_fast.errors import BackendError


def load(folder, **changes):
    options = {
        "revision": None,
        "dtype": "auto",
        "device": "cpu",
        "attention": "sdpa",
        "trust_remote_code": False,
    }
    return load_checkpoint(str(folder), **(options | changes))


@pytest.fixture
def folder(checkpoints, tmp_path):
    return shutil.copytree(checkpoints["llama"], tmp_path / "tiny-llama")


def test_a_folder_goes_by_its_base_name_alone(folder):
    checkpoint = load(folder)
    assert checkpoint.name == "tiny-llama"
    assert str(folder.parent) not in json.dumps(checkpoint.identity)


def test_a_copy_elsewhere_has_the_same_identity(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "elsewhere" / "tiny-llama")
    assert load(copy).identity == load(folder).identity


def test_other_weights_of_the_same_shape_have_another_identity(folder, tmp_path):
    other = save_checkpoint(tmp_path / "other", "llama", seed=1)
    ours, theirs = load(folder).identity, load(other).identity
    assert ours["weights"] != theirs["weights"]
    assert ours["tokenizer.json"] == theirs["tokenizer.json"]


def test_a_change_of_the_configuration_changes_the_identity(folder):
    before = load(folder).identity
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rope_theta": 123.0}))
    assert load(folder).identity != before


def test_pickled_weights_are_refused_without_being_read(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        file.unlink()
    canary = folder / "canary"

    class Payload:
        def __reduce__(self):
            return canary.touch, ()

    torch.save({"weights": Payload(), **model.state_dict()}, folder / "pytorch_model.bin")
    with pytest.raises(BackendError, match="cannot load model") as caught:
        load(folder)
    assert "pytorch_model.bin is pickled" in caught.value.hint
    assert not canary.exists()


def test_a_folder_without_a_model_is_a_backend_error(tmp_path):
    with pytest.raises(BackendError, match="cannot load model") as caught:
        load(tmp_path)
    assert "pickled" not in caught.value.hint


def test_code_that_comes_with_a_checkpoint_is_not_run(folder):
    canary = folder / "canary"
    (folder / "modeling_own.py").write_text(f"open({str(canary)!r}, 'w').close()\nclass Own: ...\n")
    config = json.loads((folder / "config.json").read_text())
    own = {
        "model_type": "own",
        "auto_map": {"AutoModelForCausalLM": "modeling_own.Own", "AutoConfig": "modeling_own.Own"},
    }
    (folder / "config.json").write_text(json.dumps(config | own))
    with pytest.raises(BackendError, match="cannot load model"):
        load(folder)
    assert not canary.exists()


def test_all_end_tokens_of_the_generation_config_count(folder):
    generation = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps(generation | {"eos_token_id": [0, 17, 18]}))
    assert load(folder).eos_ids == {0, 17, 18}


def test_the_dtype_is_as_asked(folder):
    assert load(folder, dtype="bfloat16").model.dtype == torch.bfloat16
