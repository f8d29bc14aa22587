"""A process reward model in vLLM and behind its server says what it says in torch.

Three engines start here one after the other, beside the one that the other tests of this folder share.
"""

from __future__ import annotations

import shutil
import warnings

import pytest
import torch

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.backends.server_settings import ServedModel
from omega_fast.errors import ConfigError, InputError
from omega_fast.models.prm import PRM, load_prm
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.prm_checkpoint import load_classifier, load_tokenizer
from omega_fast.models.scorers import ScorerOptions, load_scorer
from tests.models.scorers.shaped import SOLUTIONS as SHAPED
from tests.models.scorers.shaped import qwen
from tests.vllm.opened import CONTEXT, SMALL_ENGINE
from tests.vllm.server import VllmServer

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1200)]

TOO_LONG = ("x is 7 . " * CONTEXT, ["answer 7 9\n"])


@pytest.fixture(scope="module")
def prm(long_policy, tmp_path_factory):
    """The ledger policy with a head of random weights, far from zero."""
    folder = tmp_path_factory.mktemp("prm") / "prm"
    torch.manual_seed(0)
    network = load_classifier(str(long_policy), "token-cls")
    with torch.no_grad():
        network.score.weight.normal_(std=0.3)
    card = PrmCard(separator="\n", template=PromptTemplate(style="plain", text="{problem}\n"))
    PRM(network, load_tokenizer(str(long_policy)), card).save(folder)
    yield str(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def solutions(ledger):
    """Of one step to many, right and wrong, and text from elsewhere."""
    made = [(each.problem, [f"a x 7 + {at} = {9 - at}\n"] * (1 + at % 7)) for at, each in enumerate(ledger)]
    return [*made, ("数学 — naïve?", ["one step alone", "¬ another\n\n"]), ("q " * 150, ["long\n"] * 30)]


def assert_same(found, wanted):
    assert [len(row) for row in found] == [len(row) for row in wanted]
    flat, expected = ([score for row in rows for score in row] for rows in (found, wanted))
    assert flat == pytest.approx(expected, abs=1e-5)
    assert max(flat) - min(flat) > 0.2, "a model that says the same of everything tests nothing"
    differences = [abs(a - b) for a, b in zip(flat, expected, strict=True)]
    print(f"{len(flat)} scores of {len(found)} solutions differ by at most {max(differences):.1e}")


def test_an_engine_here_scores_as_torch(prm, solutions):
    wanted = load_prm(prm).score_many(solutions)
    options = ScorerOptions(engine="vllm", engine_args=SMALL_ENGINE)
    with warnings.catch_warnings(action="ignore"):  # importing vLLM brings those of its own libraries
        scorer = load_scorer(prm, options=options)
    try:
        assert_same(scorer.score_many(solutions), wanted)
        futures = [scorer.submit(*each) for each in reversed(solutions)]
        dropped = scorer.submit(*solutions[-1])
        dropped.cancel()
        assert_same([each.result(120) for each in reversed(futures)], wanted)
        one, long = scorer.score_each([solutions[0], TOO_LONG])
        assert one == pytest.approx(wanted[0], abs=1e-5)
        assert isinstance(long, InputError)
    finally:
        scorer.close()
    with pytest.raises(ConfigError, match="nonesuch"):
        load_scorer(prm, options=ScorerOptions(engine="vllm", engine_args={"nonesuch": 1}))


def test_a_checkpoint_like_qwens_scores_as_in_torch(tmp_path):
    # vLLM on a CPU knows heads of 32, 64, ... numbers
    folder, _, _ = qwen(tmp_path / "qwen", hidden=128)
    options = ScorerOptions(engine="vllm", engine_args=SMALL_ENGINE, max_length=256)
    with warnings.catch_warnings(action="ignore"):
        scorer = load_scorer(str(folder), options=options)
    try:
        found = scorer.score_many(SHAPED)
    finally:
        scorer.close()
    for row, wanted in zip(found, load_scorer(str(folder)).score_many(SHAPED), strict=True):
        assert row == pytest.approx(wanted, abs=1e-5)


def test_a_server_scores_as_torch(prm, solutions, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = VllmServer(prm, CONTEXT, tmp_path / "log", ["--runner", "pooling"])
    try:
        print(f"the server answers after {server.start():.0f} s")
        scorer = load_scorer(prm, options=ScorerOptions(server=ServedModel(base_url=server.url)))
        try:
            assert_same(scorer.score_many(solutions), load_prm(prm).score_many(solutions))
            with pytest.raises(InputError, match=r"tokens, .*there may be"):
                scorer.score_many([TOO_LONG])
            assert scorer.counts() == {"retries": 0, "paid_twice": 0}
        finally:
            scorer.close()
    finally:
        server.kill()
