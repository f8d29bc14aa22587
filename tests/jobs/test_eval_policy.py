"""`eval_policy`: rows, figures, equal questions, resuming, adapters, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import orjson
import pytest

from omega_fast.config import resolve
from omega_fast.errors import BackendError, ConfigError, InputError, OmegaError, RunConflictError
from omega_fast.jobs import eval_policy
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.policy_summary import NamedPolicy, named_policy
from omega_fast.records import Question
from omega_fast.tasks.ledger import LedgerConfig, questions, right_solutions

ASKED = list(questions(LedgerConfig(), 3, seed=0, split="test"))


def texts_of(question: Question, *, right: int, wrong: int) -> list[str]:
    """So many right solutions, different ones as far as there are any, and wrong ones."""
    solutions = ["".join(each) for each in right_solutions(question.problem)]
    return [solutions[at % len(solutions)] for at in range(right)] + ["answer 0 0 0\n"] * wrong


@pytest.fixture
def recorded(tmp_path):
    """Writes a policy that plays back, for each question, so many right and wrong solutions."""

    def write(name: str, *, right: int, wrong: int) -> NamedPolicy:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({q.id: texts_of(q, right=right, wrong=wrong) for q in ASKED}))
        return NamedPolicy(name, str(path))

    return write


def evaluated(folder: Path, *policies: NamedPolicy, asked=ASKED, **changes):
    settings = {"model_type": "recorded", "question_file": "ledger", "output_dir": folder}
    settings |= {
        name: changes.pop(name) for name in ("model_type", "temperature", "top_p") if name in changes
    }
    config = resolve("ledger", env={}, overrides=settings)
    return eval_policy(config, policies, **{"samples": 4, "seeds": (0, 1), "questions": asked, **changes})


def test_figures_are_those_of_the_samples(recorded, tmp_path):
    found = evaluated(tmp_path / "out", recorded("half", right=2, wrong=2))
    figures = found.results["policies"]["half"]
    assert figures["pass@1"]["value"] == 0.5
    assert figures["wholly_distinct@4"]["value"] == 2
    modes = [len(list(right_solutions(each.problem))) for each in ASKED]
    assert figures["coverage@4"]["value"] == pytest.approx(sum(2 / each for each in modes) / 3)
    assert found.complete
    assert "no likelihoods" in found.warnings[0]


def test_files_hold_rows_figures_and_a_table(recorded, tmp_path):
    policies = recorded("base", right=1, wrong=3), recorded("tuned", right=3, wrong=1)
    found = evaluated(tmp_path / "out", *policies)
    rows = [orjson.loads(line) for line in (tmp_path / "out/rows.jsonl").read_bytes().splitlines()]
    assert len(rows) == 2 * 2 * 3
    assert {(row["policy"], row["seed"]) for row in rows} == {
        ("base", 0),
        ("base", 1),
        ("tuned", 0),
        ("tuned", 1),
    }
    assert [row["right"] for row in rows[:6]] == [1] * 6
    metrics = orjson.loads((tmp_path / "out/metrics.json").read_bytes())
    assert metrics == found.results
    assert metrics["against"]["tuned"]["pass@1"]["value"] == 0.5
    table = (tmp_path / "out/policies.md").read_text()
    assert "| figure | base | tuned |" in table
    assert "| figure | tuned - base |" in table
    assert (tmp_path / "out/policies.svg").read_text().startswith("<svg")


def test_policies_of_one_name_are_runs_of_one_policy(recorded, tmp_path):
    one, two = recorded("one", right=1, wrong=3), recorded("two", right=3, wrong=1)
    same = NamedPolicy("trained", one.model), NamedPolicy("trained", two.model)
    figures = evaluated(tmp_path / "out", *same, seeds=(0,)).results["policies"]
    assert list(figures) == ["trained"]
    assert figures["trained"]["pass@1"]["by_run"] == [0.25, 0.75]


def test_every_seed_asks_the_same_questions_of_the_embedded_task(tmp_path, recorded):
    config = resolve(
        None,
        env={},
        overrides={
            "question_file": "ledger",
            "limit": 3,
            "model_type": "recorded",
            "output_dir": tmp_path / "out",
        },
    )
    found = eval_policy(config, [recorded("half", right=1, wrong=1)], samples=2, seeds=(5, 6))
    rows = [orjson.loads(line) for line in (tmp_path / "out/rows.jsonl").read_bytes().splitlines()]
    assert [row["id"] for row in rows[:3]] == [row["id"] for row in rows[3:]] == [each.id for each in ASKED]
    assert found.results["policies"]["half"]["pass@2"]["value"] == 1


def test_the_same_call_draws_nothing_again_and_more_seeds_only_add_theirs(recorded, tmp_path):
    policy = recorded("half", right=2, wrong=2)
    first = evaluated(tmp_path / "out", policy)
    logs = {path: path.read_bytes() for path in (tmp_path / "out/runs").glob("*/log/*")}
    again = evaluated(tmp_path / "out", policy, seeds=(0, 1, 2))
    assert again.results["policies"]["half"]["pass@1"]["by_run"] == [0.5] * 3
    assert first.results["policies"]["half"]["pass@1"]["by_run"] == [0.5] * 2
    for path, before in logs.items():
        assert b'"rollout"' not in path.read_bytes()[len(before) :]


def test_another_policy_in_the_same_place_is_refused(recorded, tmp_path):
    policy = recorded("half", right=2, wrong=2)
    evaluated(tmp_path / "out", policy)
    recorded("half", right=3, wrong=1)
    with pytest.raises(RunConflictError):
        evaluated(tmp_path / "out", policy)


def test_a_stop_leaves_what_resumes(recorded, tmp_path):
    stop = Event()
    stop.set()
    policy = recorded("half", right=2, wrong=2)
    found = evaluated(tmp_path / "out", policy, stop=stop)
    assert (found.complete, found.finished, found.results) == (False, 0, {})
    assert evaluated(tmp_path / "out", policy).complete


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": ()}, "seeds are missing"),
        ({"seeds": (1, 1)}, "named twice"),
        ({"samples": 0}, "samples is 0"),
        ({"reference": "x"}, "a reference and a beta"),
        ({"reference": "x", "beta": 0.1, "likelihood": False}, "needs likelihoods"),
    ],
)
def test_what_cannot_be_asked_is_refused(recorded, tmp_path, changes, said):
    with pytest.raises(ConfigError, match=said):
        evaluated(tmp_path / "out", recorded("half", right=1, wrong=1), **changes)


def test_no_policy_one_twice_and_no_questions_are_refused(recorded, tmp_path):
    half = recorded("half", right=2, wrong=2)
    with pytest.raises(ConfigError, match="no policy"):
        evaluated(tmp_path / "out")
    with pytest.raises(ConfigError, match="named twice"):
        evaluated(tmp_path / "out", half, half)
    with pytest.raises(InputError, match="no question"):
        evaluated(tmp_path / "out", half, asked=[])


def test_policies_are_named_or_have_their_own_name():
    assert named_policy("a=b=c") == NamedPolicy("a", "b=c")
    assert named_policy("out/policy") == NamedPolicy("policy", "out/policy")
    for text in ("=x", "a=", ""):
        with pytest.raises(ConfigError, match="no name or no model"):
            named_policy(text)


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    """The embedded policy against its own target, with likelihoods."""
    folder = tmp_path_factory.mktemp("exact")
    base = NamedPolicy("base", "ledger-policy")
    return evaluated(
        folder, base, model_type="hf", samples=64, seeds=(0,), reference="ledger-policy", beta=1e6
    )


def test_the_mass_of_right_solutions_is_what_samples_estimate(exact):
    figures = exact.results["policies"]["base"]
    mass, share = figures["right_mass"]["value"], figures["wholly@1"]["value"]
    assert mass == pytest.approx(share, abs=3 * (0.25 / 64 / 3) ** 0.5)
    assert 0 < mass < 1


def test_a_reward_that_says_nothing_leaves_the_reference_its_own_target(exact):
    assert exact.results["policies"]["base"]["tv_to_target"]["value"] == pytest.approx(0, abs=1e-4)


def test_cut_distributions_have_no_likelihoods(tmp_path):
    base = NamedPolicy("base", "ledger-policy")
    found = evaluated(tmp_path, base, model_type="hf", asked=ASKED[:1], seeds=(0,), top_p=0.9)
    assert "entropy_per_step" not in found.results["policies"]["base"]
    assert "top_p" in found.warnings[0]


def test_an_adapter_is_worked_into_its_base(tmp_path):
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_pretrained(ASSETS)
    adapted = peft.get_peft_model(network, peft.LoraConfig(r=2, target_modules="all-linear"))
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.15)
    adapted.save_pretrained(tmp_path / "adapter")
    merged = adapted.merge_and_unload()
    merged.save_pretrained(tmp_path / "merged")
    for each in ASSETS.iterdir():
        if "token" in each.name:
            (tmp_path / "merged" / each.name).write_bytes(each.read_bytes())
    policies = [NamedPolicy(name, str(tmp_path / name)) for name in ("adapter", "merged")]
    base = NamedPolicy("base", "ledger-policy")
    found = evaluated(tmp_path / "out", base, *policies, model_type="hf", asked=ASKED[:1], seeds=(0,))
    mass = {name: each["right_mass"]["value"] for name, each in found.results["policies"].items()}
    assert mass["adapter"] == pytest.approx(mass["merged"], rel=1e-3)
    assert mass["adapter"] != pytest.approx(mass["base"], rel=1e-2)


def test_a_folder_that_is_no_adapter_is_told(tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text("{}")
    bad = NamedPolicy("bad", str(tmp_path / "adapter"))
    with pytest.raises(ConfigError, match="does not say what it adapts"):
        evaluated(tmp_path / "out", bad, model_type="hf")
    (tmp_path / "adapter/adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(ASSETS)})
    )
    with pytest.raises(BackendError, match="cannot read adapter"):
        evaluated(tmp_path / "out", bad, model_type="hf")


def test_a_folder_of_something_else_is_refused_and_an_interrupted_one_goes_on(recorded, tmp_path):
    policy = recorded("half", right=2, wrong=2)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "rows.jsonl").write_text("mine")
    with pytest.raises(RunConflictError, match="holds no evaluation of policies"):
        evaluated(foreign, policy)
    assert [each.name for each in foreign.iterdir()] == ["rows.jsonl"]
    assert (foreign / "rows.jsonl").read_text() == "mine"
    begun = tmp_path / "begun"
    begun.mkdir()
    (begun / "lock").touch()  # all that a process left that was killed at once
    assert evaluated(begun, policy).complete
    assert evaluated(begun, policy).complete


def test_a_policy_that_cannot_be_opened_leaves_no_folder(tmp_path):
    with pytest.raises(OmegaError):
        evaluated(tmp_path / "out", NamedPolicy("absent", str(tmp_path / "absent.json")))
    assert not (tmp_path / "out").exists()
