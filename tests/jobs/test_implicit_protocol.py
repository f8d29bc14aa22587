"""ImplicitPRM's evaluation as its README asks for it, on tiny random models and an archive of samples."""

import json
import math
import random
import tarfile
from itertools import accumulate

import pytest

from omega_fast.jobs import eval_best_of_n
from omega_fast.models.scorers import ScorerOptions
from omega_fast.models.scorers.implicit import ImplicitScorer
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from tests.eval.stubs import read
from tests.models.scorers.shaped import rlhflow
from tests.processes import omega

SAMPLES = 64
RULES = [
    f"{how} reference/{kind}/{rule}"
    for how in ("with", "without")
    for kind in ("single", "accumulative")
    for rule in ("min", "sum")
]


def sampled(number: int) -> dict:
    rng = random.Random(number)
    texts = [
        f"x is {rng.randint(0, 9)}\n\ntake {rng.randint(0, 9)}\n\nThe answer is {rng.choice('77345')}."
        for _ in range(SAMPLES)
    ]
    return {
        "problem": f"x is {number} . ?",
        "answer": "7",
        "responses": [{"text": text, "prompt": "unused"} for text in texts],
    }


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("implicit")
    return rlhflow(folder / "ce", seed=1), rlhflow(folder / "reference", seed=2)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """`math-NAME-64.tar.gz` with a file of questions in a folder, as shipped."""
    folder = tmp_path_factory.mktemp("testset") / "math-tiny-64"
    folder.mkdir()
    (folder / "samples.json").write_text(json.dumps([sampled(number) for number in range(3)]))
    path = folder.parent / "math-tiny-64.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(folder, arcname=folder.name)
    return path


def test_every_setting_of_the_protocol_is_there_at_every_n_and_is_what_is_published(
    models, archive, tmp_path
):
    policy, reference = models
    options = ScorerOptions(reference=str(reference))
    done = eval_best_of_n(
        [archive], scorer=str(policy), shape="implicit", options=options, output=tmp_path / "out"
    )
    found = done.results
    assert set(found["best"]) == set(found["weighted"]) == set(RULES)
    for name in ("4", "8", "16", "32", "64"):
        figures = [found["pass"], found["majority"], *found["best"].values(), *found["weighted"].values()]
        assert all(0 <= each[name]["value"] <= 1 for each in figures)
    scorer = ImplicitScorer(str(policy), str(reference))
    for number, row in enumerate(read(tmp_path / "out" / "rows.jsonl")):
        question = sampled(number)
        for at in (0, 17, 63):
            steps = tuple(question["responses"][at]["text"].split("\n\n"))
            (columns,) = scorer.step_log_probs([(question["problem"], steps)])
            ratios = [p - r for p, r in zip(columns["policy"], columns["reference"], strict=True)]
            for how, single in (("with", ratios), ("without", columns["policy"])):
                for kind, each in (("single", single), ("accumulative", list(accumulate(single)))):
                    for rule, take in (("min", min), ("sum", math.fsum)):
                        told = row["scores"][f"{how} reference/{kind}/{rule}"][at]
                        assert told == pytest.approx(0.001 * take(each), abs=1e-5)


def test_without_a_reference_half_of_the_settings_are_left(models, archive, tmp_path):
    done = eval_best_of_n([archive], scorer=str(models[0]), shape="implicit", output=tmp_path / "out")
    assert set(done.results["best"]) == {each for each in RULES if each.startswith("without")}


def test_what_was_trained_here_is_judged_by_the_protocol_without_being_told(models, archive, tmp_path):
    rows = [{"prompt": f"x is {n} . ?", "response": "a\n\nb\n\n", "label": n % 2} for n in range(8)]
    config = implicit_config(model=str(models[1]), device="cpu", learning_rate=1e-2, max_steps=2)
    run_implicit_training(rows, config, tmp_path / "ce")
    done = eval_best_of_n([archive], scorer=str(tmp_path / "ce"), output=tmp_path / "out")
    assert set(done.results["best"]) == {*RULES, "min", "prod", "last"}
    # The accumulated log-ratio has its least value where the least score is
    best = done.results["best"]
    assert best["with reference/accumulative/min"]["8"]["value"] == pytest.approx(best["min"]["8"]["value"])
    assert best["with reference/single/sum"]["8"]["value"] == pytest.approx(best["last"]["8"]["value"])


def test_the_command_of_the_readme_has_one_of_ours(models, archive, tmp_path):
    policy, reference = models
    flags = {
        "--prm": str(policy),
        "--shape": "ntp",
        "--tokenizer": str(reference),
        "--begin-of-action-token": "<|system|>",
        "--prm-token": "<|system|>",
        "-o": str(tmp_path / "out"),
    }
    given = [part for each in flags.items() for part in each]
    done = omega("eval", "best-of-n", str(archive), *given, "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["results"]["best"]) == {"min", "prod", "last"}
