"""Scorers that a card describes: our own with the options of `omega eval`, and the published `ntp` by its flags."""

import shutil
from pathlib import Path

import pytest

from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.models.prm import load_prm
from omega_fast.models.prm_card import PrmCard
from omega_fast.models.scorers import ScorerOptions, load_scorer
from omega_fast.train.implicit import train_implicit_prm
from omega_fast.train.prm import train_prm
from tests.models.scorers.shaped import SOLUTIONS, rlhflow
from tests.train.solutions import solutions
from tests.train.test_implicit import outcomes

FAST = {"device": "cpu", "validation": 0.0, "max_steps": 2, "learning_rate": 3e-3, "separator": "\n\n"}
TOKENS = {"prm_token": "<extra_0>", "begin_of_action_token": "<|system|>"}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Path:
    return rlhflow(tmp_path_factory.mktemp("base") / "llama")


@pytest.fixture(scope="module")
def ntp(base, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ntp") / "prm"
    train_prm(solutions(8), folder, model=str(base), head="ntp", loss="ce", labels="hard", **TOKENS, **FAST)
    return folder


@pytest.fixture(scope="module")
def implicit(base, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("implicit") / "prm"
    train_implicit_prm(outcomes(8), folder, model=str(base), beta=0.5, **FAST)
    return folder


def as_published(ntp: Path, folder: Path) -> Path:
    """The same weights as others save them: without a card."""
    shutil.copytree(ntp, folder, ignore=shutil.ignore_patterns("prm.json", "training.json", "loss.svg"))
    return folder


def test_a_published_next_token_checkpoint_scores_by_the_markers_that_are_named(ntp, tmp_path):
    scorer = load_scorer(str(as_published(ntp, tmp_path / "sft-prm")), "ntp", ScorerOptions(**TOKENS))
    own = load_prm(ntp, device="cpu")
    expected = own.score_many(SOLUTIONS)
    assert scorer.score_many(SOLUTIONS) == [pytest.approx(each, abs=1e-6) for each in expected]
    others = [
        ScorerOptions(**{**TOKENS, "begin_of_action_token": ""}),
        ScorerOptions(**TOKENS, good_token="-", bad_token="+"),
    ]
    for options in others:
        found = load_scorer(str(tmp_path / "sft-prm"), "ntp", options).score_many(SOLUTIONS)
        assert found[0] != pytest.approx(expected[0], abs=1e-6)


def test_a_marker_that_is_no_token_of_the_model_is_named(base):
    with pytest.raises(ConfigError, match=r"prm_token '<\|reserved_special_token_0\|>' is not one token"):
        load_scorer(str(base), "ntp")


def test_a_tokenizer_may_stand_elsewhere(ntp, tmp_path):
    folder = as_published(ntp, tmp_path / "bare")
    whole = load_scorer(str(folder), "ntp", ScorerOptions(**TOKENS)).score_many(SOLUTIONS)
    for path in folder.glob("*token*"):
        path.unlink()
    with pytest.raises(BackendError, match="tokenizer"):
        load_scorer(str(folder), "ntp", ScorerOptions(**TOKENS))
    found = load_scorer(str(folder), "ntp", ScorerOptions(**TOKENS, tokenizer=str(ntp)))
    assert found.score_many(SOLUTIONS) == whole


def test_our_own_models_take_the_options_of_an_evaluation(ntp):
    scorer = load_scorer(
        str(ntp), options=ScorerOptions(max_length=30, dtype="bfloat16", batch_tokens=7, device="cpu")
    )
    assert (scorer.batch_tokens, scorer.encoder.max_length) == (7, 30)
    assert str(scorer.network.dtype) == "torch.bfloat16"
    with pytest.raises(InputError, match="of 30 that there may be"):
        scorer.score_many(SOLUTIONS[2:])


def test_our_own_implicit_models_tell_the_log_probabilities_behind_their_scores(implicit, base):
    scorer = load_scorer(str(implicit), options=ScorerOptions(batch_tokens=60))
    assert PrmCard.read(implicit / "prm.json").reference == str(base)
    found = scorer.step_log_probs(SOLUTIONS)
    for (problem, steps), columns in zip(SOLUTIONS, found, strict=True):
        ratios = [p - r for p, r in zip(columns["policy"], columns["reference"], strict=True)]
        assert ratios == pytest.approx(scorer.process_rewards(problem, steps), abs=1e-3)
        assert columns["scores"] == pytest.approx(scorer.score(problem, steps), abs=1e-6)
        assert all(each < 0 for each in columns["policy"])


def test_the_coefficient_of_implicit_scores_may_be_another(implicit, base):
    scores = [
        load_scorer(
            str(implicit), "implicit", ScorerOptions(reference=str(base), coefficient=coefficient)
        ).score_many(SOLUTIONS[:1])[0]
        for coefficient in (0.001, 0.005)
    ]
    assert [each - 0.5 for each in scores[1]] == pytest.approx([5 * (s - 0.5) for s in scores[0]], rel=1e-2)
    with pytest.raises(ConfigError, match="coefficient is 0"):
        ScorerOptions(coefficient=0)


def test_an_implicit_model_by_its_shape_runs_as_many_together_as_there_may_be_tokens(implicit, base):
    def asked(batch_tokens):
        options = ScorerOptions(reference=str(base), batch_tokens=batch_tokens)
        scorer = load_scorer(str(implicit), "implicit", options)
        shapes = []
        for model in scorer._models:
            model.base_model.register_forward_pre_hook(
                lambda _, __, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
            )
        return scorer.score_many(SOLUTIONS), shapes

    alone, one_by_one = asked(1)
    together, at_once = asked(8192)
    assert [rows for rows, _ in one_by_one] == [1] * 2 * len(SOLUTIONS)
    assert [rows for rows, _ in at_once] == [len(SOLUTIONS)] * 2
    longest = at_once[0][1]
    assert all(rows * width <= 2 * longest for rows, width in asked(2 * longest)[1])
    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, abs=1e-6)
