import json

import pytest

from omega_fast.errors import BackendError, ConfigError
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.serving import make_plan, read_settings
from omega_fast.serving.messages import loading

KEY = "sk-canary-plan"


def plan(*, visible=(), env=None, **values):
    return make_plan(read_settings(values), visible=visible, env=env or {})


def flags(server):
    """The arguments of a command by their names; a switch has no value."""
    found = {}
    for word in server.command[3:]:
        if word.startswith("--"):
            name, _, value = word.partition("=")
            found[name] = value
        else:
            found[name] = f"{found[name]} {word}".strip()
    return found


def test_the_embedded_policy_and_a_reward_model_get_the_usual_ports_names_and_tasks(reward):
    policy, scorer = plan(policy="ledger-policy", reward=str(reward)).servers
    assert (policy.port, policy.name, policy.task) == (8000, "ledger-policy", "generate")
    assert (scorer.port, scorer.name, scorer.task) == (8001, "prm", "score")
    assert flags(policy)["--model"] == str(ASSETS.resolve())
    assert flags(policy)["--served-model-name"] == "ledger-policy"
    assert flags(scorer)["--runner"] == "pooling"
    assert "--runner" not in flags(policy)
    assert policy.log != scorer.log


def test_every_setting_of_a_model_reaches_its_command(make_model):
    model = make_model("big", dtype="bfloat16")
    settings = {
        "policy": str(model),
        "policy_port": "9000",
        "policy_name": "mine",
        "policy_gpus": "0,1,2,3",
        "policy_memory": "0.5",
        "policy_dtype": "float16",
        "policy_max_context": "4096",
        "policy_tensor_parallel_size": "2",
        "policy_revision": "abc",
        "policy_trust_remote_code": True,
        "policy_engine_args": '{"block_size": 32, "enable_prefix_caching": false, "hf_overrides": {"a": 1}}',
        "host": "0.0.0.0",
    }
    made = plan(**settings, visible=("4", "5", "6", "7"))
    (server,) = made.servers
    assert server.environment["CUDA_VISIBLE_DEVICES"] == "4,5,6,7"
    assert flags(server) == {
        "--model": str(model),
        "--served-model-name": "mine",
        "--host": "0.0.0.0",
        "--port": "9000",
        "--dtype": "float16",
        "--load-format": "safetensors",
        "--disable-uvicorn-access-log": "",
        "--max-model-len": "4096",
        "--tensor-parallel-size": "2",
        "--data-parallel-size": "2",
        "--gpu-memory-utilization": "0.5",
        "--revision": "abc",
        "--trust-remote-code": "",
        "--block-size": "32",
        "--no-enable-prefix-caching": "",
        "--hf-overrides": '{"a": 1}',
    }


@pytest.mark.parametrize(("visible", "dtype"), [((), "float32"), (("0",), "bfloat16")])
def test_auto_precision_is_the_checkpoints_own_on_a_gpu_and_float32_on_a_cpu(make_model, visible, dtype):
    (server,) = plan(policy=str(make_model("m", dtype="bfloat16")), visible=visible).servers
    assert flags(server)["--dtype"] == dtype


def test_prompts_are_computed_whole_on_a_cpu_alone(make_model):
    model = make_model("m", max_position_embeddings=100_000)
    on_cpu, on_gpu = (flags(plan(policy=str(model), visible=each).servers[0]) for each in ((), ("0",)))
    assert int(on_cpu["--max-num-batched-tokens"]) >= 100_000
    assert "--no-enable-chunked-prefill" in on_cpu
    assert on_gpu.keys().isdisjoint(
        {"--max-num-batched-tokens", "--no-enable-chunked-prefill", "--enforce-eager"}
    )


@pytest.mark.parametrize(
    ("visible", "settings", "placed"),
    [
        (("0", "1"), {}, (("0", "1"), (None, None), True)),
        (("0",), {}, (("0", "0"), (0.45, 0.45), False)),
        (("0",), {"policy_memory": 0.6}, (("0", "0"), (0.6, 0.3), False)),
        (
            ("GPU-a", "GPU-b"),
            {"policy_gpus": "1", "reward_gpus": "1"},
            (("GPU-b", "GPU-b"), (0.45, 0.45), False),
        ),
        (("0", "1"), {"policy_gpus": "1"}, (("1", "0"), (None, None), True)),
        (("0", "1"), {"policy_gpus": "0,1"}, (("0,1", "0"), (0.45, 0.45), False)),
        (("0", "1"), {"reward_gpus": "none"}, (("0", ""), (None, None), True)),
        ((), {}, (("", ""), (None, None), False)),
    ],
)
def test_models_lie_side_by_side_where_there_is_room_and_share_where_there_is_none(
    reward, visible, settings, placed
):
    devices, shares, together = placed
    made = plan(policy="ledger-policy", reward=str(reward), visible=visible, **settings)
    assert tuple(each.environment["CUDA_VISIBLE_DEVICES"] for each in made.servers) == devices
    assert tuple(each.placement.memory for each in made.servers) == pytest.approx(shares)
    assert made.together is together


@pytest.mark.parametrize("visible", [("0",), ()])
def test_memory_shares_on_one_device_that_add_up_to_more_than_one_are_refused(reward, visible):
    both = {"policy": "ledger-policy", "reward": str(reward), "reward_memory": 0.5}
    plan(**both, policy_memory=0.5, visible=visible)
    with pytest.raises(ConfigError, match=r"add up to 1\.1: policy 0\.6 and reward 0\.5"):
        plan(**both, policy_memory=0.6, visible=visible)
    plan(**both, policy_memory=0.6, visible=("0", "1"))


def test_the_same_port_twice_is_refused(reward):
    with pytest.raises(ConfigError, match="same port 8001"):
        plan(policy="ledger-policy", policy_port=8001, reward=str(reward))


def test_a_gpu_that_is_not_there_is_named_and_one_in_a_plan_of_a_machine_without_is_kept(reward):
    (server,) = plan(reward=str(reward), reward_gpus="3", visible=("0", "1")).servers
    assert "no GPU 3: 2 are visible" in server.placement.missing
    assert server.environment["CUDA_VISIBLE_DEVICES"] == "3"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "nothing to serve"),
        ({"reward_port": 9}, "no reward is"),
        ({"policy": "ledger-policy", "policy_gpus": "0,x"}, "policy_gpus: write numbers"),
        ({"policy": "ledger-policy", "policy_gpus": "0,0"}, "named twice"),
        ({"policy": "ledger-policy", "policy_port": 70000}, "policy_port: "),
        ({"policy": "ledger-policy", "policy_memory": 1.5}, "policy_memory: "),
        (
            {"policy": "ledger-policy", "policy_gpus": "0,1,2", "policy_tensor_parallel_size": 2},
            "whole copies",
        ),
        ({"policy": "ledger-policy", "policy_engine_args": "[1]"}, "policy_engine_args: "),
        ({"policy": "ledger-policy", "policy_engine_args": "{oops"}, "write a JSON object"),
        ({"policy": "ledger-policy", "policy_engine_args": {"ssl-keyfile": "k"}}, "plain HTTP"),
        ({"policy": "ledger-policy", "policy_engine_args": {"--max-model-len": 5}}, "setting of its own"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(values, said):
    with pytest.raises(ConfigError, match=said):
        plan(**values)


def test_a_key_is_named_and_shown_nowhere(reward):
    made = plan(policy="ledger-policy", reward=str(reward), api_key_env="MY_KEY", env={"MY_KEY": KEY})
    assert made.key.headers() == {"Authorization": f"Bearer {KEY}"}
    assert KEY not in repr(made)
    assert KEY not in json.dumps(made.to_dict())
    assert made.to_dict()["key_from"] == "MY_KEY"


def test_a_key_given_where_a_name_belongs_is_refused_without_being_repeated():
    for values in ({"api_key_env": KEY}, {"policy_engine_args": {"api_key": KEY}}):
        with pytest.raises(ConfigError) as refused:
            plan(policy="ledger-policy", **values)
        assert KEY not in str(refused.value)


def test_a_key_that_is_not_set_is_missed_only_where_it_was_asked_for():
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        plan(policy="ledger-policy", api_key_env="MY_KEY")
    assert not plan(policy="ledger-policy").key
    assert plan(policy="ledger-policy", env={"VLLM_API_KEY": KEY}).key


def test_an_adapter_takes_the_name_and_the_bare_model_another(make_model, tmp_path):
    adapter = tmp_path / "lora"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"r": 12}))
    with pytest.raises(BackendError, match="cannot read adapter"):
        plan(policy=str(make_model("base")), policy_adapter=str(adapter))
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    (server,) = plan(policy=str(tmp_path / "base"), policy_adapter=str(adapter), policy_name="tuned").servers
    made = flags(server)
    assert made["--served-model-name"] == "tuned-base"
    assert made["--lora-modules"] == f"tuned={adapter}"
    assert made["--max-lora-rank"] == "16"
    assert server.name == "tuned"


@pytest.mark.parametrize(
    ("last", "shown"),
    [
        ([], False),
        (["WARNING 11-21 09:00:00 [config.py:1] ValueError in a probe, falling back to eager"], False),
        (["x.py:3: UserWarning: Error bars are off"], False),
        (["Loading safetensors checkpoint shards: 50% Completed"], False),
        (["ERROR 11-21 09:00:00 [core.py:7] the engine core failed to start"], True),
        (["(EngineCore pid=7) RuntimeError: CUDA out of memory"], True),
    ],
)
def test_what_is_said_while_a_server_loads_is_the_time_its_log_and_errors_alone(reward, last, shown):
    (server,) = plan(reward=str(reward)).servers
    said = f"reward: loading for 30 s, log {server.log}"
    assert loading(server, 30.4, last) == said + (f"; {last[0]}" if shown else "")
