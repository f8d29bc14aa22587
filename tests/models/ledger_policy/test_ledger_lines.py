"""The tiny policy's next lines, and its exact value against its own samples."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from omega_fast.models.ledger_policy.lines import PolicyLines  # noqa: E402
from omega_fast.models.ledger_policy.policy import LedgerPolicy  # noqa: E402
from omega_fast.tasks.ledger import gold_answer, policy_value, right_next_steps  # noqa: E402

PROBLEM = "x is 9 . y is 1 . a y add 8 . b x times 3 . c x take y . ?"


@pytest.fixture(scope="module")
def policy():
    torch.set_num_threads(1)
    return LedgerPolicy()


def test_next_lines_are_whole_lines_whose_probabilities_sum_to_nearly_one(policy):
    lines = PolicyLines(policy, floor=1e-3)(PROBLEM, ())
    assert all(line.endswith("\n") for line in lines)
    assert 0.9 < sum(lines.values()) <= 1.0 + 1e-6


def test_most_of_the_probability_lies_on_right_next_lines(policy):
    lines = PolicyLines(policy, floor=1e-3)(PROBLEM, ())
    assert sum(lines.get(line, 0.0) for line in right_next_steps(PROBLEM, ())) > 0.6


def test_the_end_of_the_text_after_an_answer_is_the_empty_line(policy):
    lines = PolicyLines(policy)(
        PROBLEM, ("a y 1 + 8 = 9\n", "b x 9 * 3 = 7\n", "c x 7 - 9 = 8\n", "answer 8 9\n")
    )
    assert lines[""] > 0.9


def test_the_exact_value_agrees_with_the_share_of_right_samples(policy):
    steps = ("a y 1 + 8 = 9\n",)
    bounds = policy_value(PROBLEM, steps, PolicyLines(policy, floor=1e-3), tolerance=0.02, max_expansions=60)
    samples = policy.continue_all([(PROBLEM, steps)] * 1000, seed=0)
    share = sum(lines[-1:] == [f"answer {gold_answer(PROBLEM)}\n"] for lines in samples) / 1000
    assert bounds.lower - 0.06 < share < bounds.upper + 0.06
    assert bounds.upper - bounds.lower < 0.15
