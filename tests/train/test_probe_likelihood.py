import pytest
import torch

from omega_fast.errors import ConfigError
from omega_fast.models.prm_checkpoint import load_classifier, load_tokenizer
from omega_fast.store.formats.labelled import labelled
from omega_fast.tasks.ledger.corruptions import CorruptionKind, corrupt
from omega_fast.tasks.ledger.demonstrations import CLEAN, demonstrate
from omega_fast.tasks.ledger.draws import stream
from omega_fast.tasks.ledger.generator import LedgerConfig
from omega_fast.tasks.ledger.questions import problems
from omega_fast.tasks.ledger.text import render
from omega_fast.train.prm import train_prm
from omega_fast.train.prm_config import prm_config
from tests.train.solutions import solutions

FAST = {"device": "cpu", "labels": "hard", "validation": 0.0, "head": "probe", "log_every": 100}


def corrupted(count, split):
    """Solutions with a wrong result, cut behind it, of `count` ledger problems."""
    found = []
    rng = stream("test", split)
    for number, problem in zip(range(count), problems(LedgerConfig(), 0, split), strict=False):
        right = tuple(demonstrate(problem, CLEAN, rng))
        wrong = corrupt(problem, right, CorruptionKind.RESULT, number)
        steps = wrong.steps[: wrong.index + 1]
        found.append(labelled(render(problem), steps, [at < wrong.index for at in range(len(steps))]))
    return found


def area(prm, held):
    scores = prm.score_many([(each.question, each.steps) for each in held])
    wrong = [scored[-1] for scored in scores]
    right = [score for scored in scores for score in scored[:-1]]
    return sum(r > w for r in right for w in wrong) / (len(right) * len(wrong))


def test_it_tells_wrong_results_in_unseen_problems_where_hidden_states_do_not():
    train, held = corrupted(60, "train"), corrupted(60, "validation")
    prm = train_prm(train, **FAST)
    assert prm.card.likelihood
    assert area(prm, held) > 0.95
    assert area(train_prm(train, probe_likelihood=False, **FAST), held) < 0.9


def test_a_model_without_an_output_layer_is_read_by_its_hidden_states(tiny, tmp_path):
    torch.manual_seed(0)
    load_classifier(tiny, "value").save_pretrained(tmp_path / "classifier")
    load_tokenizer(tiny).save_pretrained(tmp_path / "classifier")
    settings = {"model": str(tmp_path / "classifier"), "epochs": 2, **FAST}
    prm = train_prm(solutions(8), tmp_path / "prm", **settings)
    assert not prm.card.likelihood
    assert len(prm.score("x is 3 . ?", ["a\n", "b\n"])) == 2
    with pytest.raises(ConfigError, match="probabilities of tokens"):
        train_prm(solutions(8), tmp_path / "other", probe_likelihood=True, **settings)


def test_it_is_for_probes():
    with pytest.raises(ConfigError, match="token-cls"):
        prm_config(probe_likelihood=True)
