"""A generative reward model behind a real server: its critiques and their odds are those of the model in torch."""

from __future__ import annotations

import json

import pytest

from omega_fast.backends.server_settings import ServedModel
from omega_fast.models.conversation_encoder import ConversationEncoder
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.models.ledger_policy.judge import judge_tokenizer, tell_apart, unseen_tokens
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.scorers import ScorerOptions, load_scorer
from tests.serving.serving import free_port, serving

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

LINES = ("a y 6 - 5 = 1", "b x 7 * 9 = 3", "answer 3 1")
SMALL = json.dumps({"kv_cache_memory_bytes": 2**28, "block_size": 32})


def rows(count):
    """Critiques of lines that have nothing to do with their problems: they are learnt by heart."""
    found = []
    for number in range(count):
        messages = []
        for at, line in enumerate(LINES):
            step = line if at else f"x is {number} . ?\n{line}"
            sign = "-" if at == 2 else "+"
            reason = f"<verify>\nresult: {line}\n</verify>\n<judge>\nthe answer comes too soon\n</judge>"
            messages += [
                {"role": "user", "content": step},
                {"role": "assistant", "content": f"{reason}\n<output>\n\\boxed{{{sign}}}\n</output>"},
            ]
        found.append({"messages": messages})
    return found


def learn_by_heart(folder, talks):
    """The embedded policy after a few updates of all its weights; the environment of vLLM has no peft."""
    import torch
    from torch.nn.functional import cross_entropy
    from transformers import AutoModelForCausalLM

    encoder = ConversationEncoder(judge_tokenizer(), 512)
    network = AutoModelForCausalLM.from_pretrained(ASSETS, dtype=torch.float32)
    tell_apart(network, unseen_tokens(encoder.tokenizer), seed=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    torch.manual_seed(0)
    for update in range(120):
        found = encoder.encode(talks[update % len(talks)]["messages"])
        logits = network(torch.tensor([found.ids])).logits[0, :-1]
        spoken = torch.tensor(found.spoken[1:])
        cross_entropy(logits[spoken], torch.tensor(found.ids[1:])[spoken]).backward()
        optimizer.step()
        optimizer.zero_grad()
    network.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)
    PrmCard(head="generative", separator="\n", aggregation="min", reply_tokens=64).write(folder)


def test_critiques_and_odds_over_http_are_those_of_torch(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "judge"
    learn_by_heart(folder, rows(10))
    here = load_scorer(str(folder), options=ScorerOptions(device="cpu"))
    solutions = [(f"x is {number} . ?", [f"{line}\n" for line in LINES]) for number in range(10)]
    wanted = here.score_many(solutions)
    port = free_port()
    flags = ["--reward", str(folder), "--reward-port", str(port), "--reward-engine-args", SMALL]
    with serving(
        tmp_path, *flags, env={"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}, fake=False
    ) as running:
        running.wait_for("ready; ^C stops it", 1500)
        options = ScorerOptions(server=ServedModel(base_url=f"http://127.0.0.1:{port}/v1"))
        there = load_scorer(str(folder), options=options)
        found = there.score_many(solutions)
        assert there.critiques(*solutions[0]) == here.critiques(*solutions[0])
        there.close()
        running.interrupt()
        assert running.end(120) == 0, running.stderr
    for ours, theirs in zip(wanted, found, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert wanted[0][0] > 0.5 > wanted[0][2]
