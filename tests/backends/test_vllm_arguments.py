import json

import pytest

from omega_fast.backends.vllm_adapter import open_adapter
from omega_fast.backends.vllm_arguments import check_engine_args, distribution_args, engine_arguments
from omega_fast.backends.vllm_checkpoint import open_checkpoint
from omega_fast.errors import BackendError, ConfigError


def arguments(given=None, *, devices=0, tensor_parallel_size=1, adapter=None):
    return engine_arguments(
        "model",
        given or {},
        source={"revision": None, "trust_remote_code": False},
        dtype="float32",
        context=512,
        slots=64,
        tensor_parallel_size=tensor_parallel_size,
        devices=devices,
        adapter=adapter,
    )


@pytest.mark.parametrize(
    ("devices", "tensor_parallel_size", "given", "replicas"),
    [
        (0, 1, {}, 1),
        (8, 1, {}, 8),
        (8, 2, {}, 4),
        (8, 2, {"pipeline_parallel_size": 2}, 2),
        (8, 1, {"data_parallel_size": 3}, 3),
    ],
)
def test_there_are_as_many_replicas_as_the_visible_devices_hold(
    devices, tensor_parallel_size, given, replicas
):
    made = arguments(given, devices=devices, tensor_parallel_size=tensor_parallel_size)
    assert made["data_parallel_size"] == replicas


def test_what_a_user_gives_goes_over_the_defaults():
    assert arguments({"enable_prefix_caching": False})["enable_prefix_caching"] is False
    assert arguments()["enable_prefix_caching"] is True


def test_prompts_are_computed_whole_on_a_cpu_alone():
    assert arguments()["enable_chunked_prefill"] is False
    assert arguments()["max_num_batched_tokens"] >= 512
    assert "enable_chunked_prefill" not in arguments(devices=1)


def test_arguments_that_are_settings_are_refused_by_name():
    with pytest.raises(ConfigError, match="max_num_seqs") as refused:
        check_engine_args({"block_size": 32, "max_num_seqs": 3})
    assert refused.value.hint == "set slots instead"


def test_arguments_that_may_change_the_distribution_are_told_from_those_that_do_not():
    given = {"quantization": "fp8", "block_size": 32, "gpu_memory_utilization": 0.5}
    assert distribution_args(given) == {"quantization": "fp8"}


def test_an_adapter_tells_its_rank_and_its_hash_changes_with_its_weights(tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 12}))
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(b"one")
    one = open_adapter(tmp_path)
    weights.write_bytes(b"two")
    assert arguments(adapter=one)["max_lora_rank"] == 16
    assert one.sha256 != open_adapter(tmp_path).sha256


def test_a_folder_without_an_adapter_is_refused(tmp_path):
    with pytest.raises(BackendError, match="cannot read adapter"):
        open_adapter(tmp_path)


def test_a_checkpoint_tells_its_precision_and_ends_without_its_weights(checkpoints, open_tiny):
    checkpoint = open_checkpoint(str(checkpoints["llama"]), revision=None, trust_remote_code=False)
    loaded = open_tiny("llama")
    assert checkpoint.eos_ids == loaded._checkpoint.eos_ids
    assert checkpoint.dtype == loaded.fingerprint()["dtype"]
    assert checkpoint.identity() == loaded._checkpoint.identity
