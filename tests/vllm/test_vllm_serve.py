"""`omega serve` with real servers: the ledger policy writes, a reward model of random weights scores, nothing stays.

Two engines load here one after the other, beside the one that the other tests of this folder share.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from omega_fast.models.ledger_policy import ASSETS
from omega_fast.search.projection import read_artifacts
from tests.serving.serving import free_port, serving

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

KEY = "sk-canary-real-51c7"
PROBLEM = "x is 7 . y is 6 . a y take 5 . b x times 9 . c x take y . ?"
SMALL = json.dumps({"kv_cache_memory_bytes": 2**28, "block_size": 32})


@pytest.fixture
def reward_model(tmp_path):
    """A token-classification checkpoint of random weights with the ledger policy's tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForTokenClassification

    folder = tmp_path / "random_prm"
    tokenizer = AutoTokenizer.from_pretrained(ASSETS)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=2,  # vLLM on a CPU knows heads of 32, 64, ... numbers
        num_key_value_heads=1,
        max_position_embeddings=512,
        initializer_range=0.3,
        num_labels=2,
    )
    LlamaForTokenClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def own_scores(folder: Path, ids: list[int]) -> list[list[float]]:
    """What transformers says: a distribution over the labels for each token."""
    import torch
    from transformers import AutoModelForTokenClassification

    model = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].softmax(-1).tolist()


def greedy(ids: list[int], n: int) -> list[int]:
    """What transformers continues with."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(ASSETS, dtype=torch.float32).eval()
    out = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=n)
    return out[0, len(ids) :].tolist()


def post(port: int, path: str, body: dict, key: str | None = KEY) -> dict:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", json.dumps(body).encode() if body else None, headers
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def test_policy_and_reward_model_answer_and_no_process_stays(tmp_path, reward_model):
    from transformers import AutoTokenizer

    ports = {"policy": free_port(), "reward": free_port()}
    flags = [
        "--policy",
        "ledger-policy",
        "--policy-port",
        str(ports["policy"]),
        "--policy-engine-args",
        SMALL,
    ]
    flags += ["--reward", str(reward_model), "--reward-port", str(ports["reward"])]
    flags += ["--reward-engine-args", SMALL, "--api-key-env", "SERVE_KEY", "--grace-period", "60"]
    environment = {"SERVE_KEY": KEY, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with serving(tmp_path, *flags, env=environment, fake=False) as running:
        running.wait_for("ready; ^C stops it", 1500)

        for part, name in (("policy", "ledger-policy"), ("reward", "random_prm")):
            models = post(ports[part], "/v1/models", {})
            assert [model["id"] for model in models["data"]] == [name]
            with pytest.raises(urllib.error.HTTPError, match="401"):
                post(ports[part], "/v1/models", {}, key=None)

        ids = AutoTokenizer.from_pretrained(ASSETS)(PROBLEM + "\n").input_ids
        answer = post(
            ports["policy"],
            "/v1/completions",
            {
                "model": "ledger-policy",
                "prompt": ids,
                "max_tokens": 24,
                "temperature": 0,
                "return_token_ids": True,
            },
        )
        written = answer["choices"][0]["token_ids"]
        assert written == greedy(ids, 24)[: len(written)]
        assert len(written) > 4

        body = {"model": "random_prm", "task": "token_classify", "input": ids}
        scores = post(ports["reward"], "/pooling", body)["data"][0]["data"]
        expected = own_scores(reward_model, ids)
        assert len(scores) == len(ids)
        for found, wanted in zip(scores, expected, strict=True):
            assert found == pytest.approx(wanted, abs=1e-4)
        assert max(each[0] for each in expected) - min(each[0] for each in expected) > 0.2

        _paste(running.stderr, tmp_path, environment)

        workers = [each for each in running.processes() if "VLLM::" in " ".join(each.cmdline())]
        assert len(workers) >= 2
        assert KEY not in repr([each.cmdline() for each in running.processes()])
        running.interrupt()
        assert running.end(120) == 0, running.stderr
        assert running.processes() == []
        assert KEY not in running.everything_written()
        print(f"{len(ids)} tokens scored as by transformers; {len(written)} greedy tokens as by transformers")


def _paste(shown: str, folder: Path, environment: dict[str, str]) -> None:
    """Run the commands that were printed, with this interpreter's `omega` and a small run."""
    lines = [line for line in shown.splitlines() if "curl " in line or line.startswith("omega annotate")]
    assert len(lines) == 3
    for line in lines:
        command = line.replace("omega annotate", f"{shlex.quote(sys.executable)} -m omega_fast annotate")
        if command != line:
            command += " --limit 2 --num-rollouts 4 --rollout-budget 16"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        if "curl" in line:
            assert json.loads(done.stdout)["model"] in ("ledger-policy", "random_prm")
    assert len(list(read_artifacts(folder / "run"))) == 2
