import json

import pytest
import torch
from transformers.utils import logging

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.models import probe as probe_module
from omega_fast.models.prm import PRM, load_prm
from omega_fast.models.prm_card import CARD, PrmCard
from omega_fast.models.prm_checkpoint import load_tokenizer
from omega_fast.models.probe import Probe, load_base
from tests.backends.tiny_checkpoints import save_checkpoint

torch.set_num_threads(1)
logging.disable_progress_bar()

SOLUTIONS = [
    ("x is 9 . ?", ["a y 1 + 8 = 9\n", "b x 9 - 2 = 7\n"]),
    ("x is 9 . y is 1 . ?", ["answer 7 9\n"]),
    ("y ?", ["a y 1 + 8 = 9\n", "naïve café\n", "b x 9 - 2 = 7\n", "answer\n"]),
]
both = pytest.mark.parametrize("likelihood", [True, False])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return str(save_checkpoint(tmp_path_factory.mktemp("tiny") / "llama", "llama"))


def made(place, likelihood=True) -> PRM:
    torch.manual_seed(0)
    base = load_base(place, dtype="float32", attention=None, likelihood=likelihood)
    card = PrmCard(
        head="probe",
        separator="\n",
        template=PromptTemplate(style="plain", text="{problem}\n"),
        base_model=place,
        likelihood=likelihood,
    )
    return PRM(Probe(base, -1, 8, likelihood=likelihood), load_tokenizer(place), card)


@both
def test_a_batch_scores_as_each_solution_alone(tiny, likelihood):
    prm = made(tiny, likelihood)
    alone = [prm.score(*solution) for solution in SOLUTIONS]
    for batch_tokens in (1, 40, 10_000):
        together = prm.score_many(SOLUTIONS, batch_tokens=batch_tokens)
        for one, other in zip(alone, together, strict=True):
            assert other == pytest.approx(one, abs=1e-5)
    assert len({score for scores in alone for score in scores}) > 4


@both
def test_a_step_is_scored_by_what_comes_before_it_alone(tiny, likelihood):
    prm = made(tiny, likelihood)
    problem, steps = SOLUTIONS[2]
    whole = prm(problem, steps)
    for count in range(1, len(steps)):
        assert prm(problem, steps[:count]) == pytest.approx(whole[:count], abs=1e-5)


@pytest.mark.parametrize(("rows", "forwards"), [(0, 3), (2, 2)])
def test_a_vocabulary_too_large_for_the_whole_batch_changes_nothing(tiny, monkeypatch, rows, forwards):
    prm = made(tiny)
    whole = prm.score_many(SOLUTIONS)
    calls = []
    prm.network.base.register_forward_hook(lambda *_: calls.append(1))
    longest = max(len(prm.encoder.encode(*solution).ids) for solution in SOLUTIONS)
    monkeypatch.setattr(probe_module, "_LOGITS", rows * longest * prm.network.config.vocab_size)
    for one, other in zip(whole, prm.score_many(SOLUTIONS), strict=True):
        assert other == pytest.approx(one, abs=1e-5)
    assert len(calls) == forwards


@both
def test_what_is_saved_scores_the_same_when_it_is_loaded(tiny, tmp_path, likelihood):
    prm = made(tiny, likelihood)
    prm.save(tmp_path / "prm")
    loaded = load_prm(tmp_path / "prm", device="cpu")
    assert loaded.card == prm.card
    assert loaded.score_many(SOLUTIONS) == prm.score_many(SOLUTIONS)


def test_a_probe_from_before_likelihoods_reads_hidden_states_alone(tiny, tmp_path):
    prm = made(tiny, likelihood=False)
    prm.save(tmp_path / "prm")
    card = json.loads((tmp_path / "prm" / CARD).read_text())
    del card["likelihood"]
    (tmp_path / "prm" / CARD).write_text(json.dumps(card))
    assert load_prm(tmp_path / "prm", device="cpu").score_many(SOLUTIONS) == prm.score_many(SOLUTIONS)


def test_a_frozen_probe_loads_the_revision_that_it_was_trained_on(tiny, tmp_path, monkeypatch):
    prm = made(tiny)
    PRM(prm.network, prm.tokenizer, prm.card.model_copy(update={"base_revision": "v1"})).save(tmp_path)
    asked = []

    def loads(name, **options):
        asked.append((name, options["revision"]))
        return load_base(name, **options)

    monkeypatch.setattr(probe_module, "load_base", loads)
    load_prm(tmp_path)
    assert asked == [(tiny, "v1")]
