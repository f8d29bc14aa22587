"""What is decided depends on settings, seeds and answers alone; budgets hold; what ends is what is returned."""

from dataclasses import replace

import pytest

from omega_fast.errors import ConfigError
from omega_fast.models.aggregate import aggregate
from omega_fast.records import FinishReason, Question
from omega_fast.search.guided import METHOD_NAMES, UNSCORED, Status
from omega_fast.search.guided.plan import Score

from .world import Driver, generation, judged, said, settings

QUESTIONS = [Question(f"q{number}", f"problem {number}", None) for number in range(6)]


def told(searches):
    return [[(node.text, node.scores) for node in each.completions] for each in searches]


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_the_order_of_answers_and_other_questions_change_nothing(method):
    asked = settings(method=method, n=8, beam_width=4)
    expected = told(Driver(asked).run(QUESTIONS))
    for shuffle, max_open in ((1, 6), (2, 2), (3, 1)):
        assert told(Driver(asked, shuffle=shuffle, max_open=max_open).run(QUESTIONS)) == expected
    alone = [told(Driver(asked).run([question]))[0] for question in QUESTIONS]
    assert alone == expected
    assert all(expected)


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("budget", [1, 7, 40, 200, 1000])
def test_a_budget_is_spent_and_never_exceeded(method, budget):
    driver = Driver(settings(method=method, n=8, beam_width=4, token_budget=budget), limited)
    (found,) = driver.run()
    assert found.budget.spent <= budget
    assert sum(said_within(each).n_tokens for each in driver.draws) == found.budget.spent
    if budget >= 200:
        assert found.budget.spent >= 0.8 * budget
        assert found.completions


def limited(request):
    """The policy, cut off at the request's limit."""
    return said_within(request)


def said_within(request):
    whole = said(request)
    if whole.n_tokens <= request.max_new_tokens:
        return whole
    end = whole.token_ends[request.max_new_tokens - 1]
    return generation(whole.text[:end], FinishReason.LENGTH)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_a_policy_that_never_finishes_ends_the_search_without_a_solution(method):
    def endless(request):
        return (
            generation("and so on\n" if request.to_step_end else "and so on", FinishReason.STOP)
            if (request.to_step_end)
            else generation("and so on", FinishReason.LENGTH)
        )

    (found,) = Driver(settings(method=method, n=4, beam_width=2, max_steps=5), endless).run()
    assert found.completions == []
    assert found.n_cut > 0


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_solutions_that_a_limit_cut_off_are_returned_nowhere(method):
    def often_cut(request):
        answer = said(request)
        return replace(answer, finish=FinishReason.LENGTH) if request.number % 2 else answer

    (found,) = Driver(settings(method=method, n=8, beam_width=4), often_cut).run()
    assert found.n_cut > 0
    assert all(node.status is Status.FINISHED for node in found.completions)


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_draws_that_are_lost_are_passed_over(method):
    def unreliable(request):
        return None if request.number % 3 == 1 else said(request)

    (found,) = Driver(settings(method=method, n=8, beam_width=4), unreliable).run()
    assert found.n_lost > 0
    assert found.completions


@pytest.mark.parametrize("method", METHOD_NAMES)
def test_an_engine_that_loses_everything_ends_the_search(method):
    (found,) = Driver(settings(method=method, n=8, beam_width=4), lambda _: None).run()
    assert found.completions == []
    assert found.n_lost > 0


@pytest.mark.parametrize("method", METHOD_NAMES)
@pytest.mark.parametrize("constant", [0.0, 1.0, None])
def test_a_scorer_that_says_nothing_useful_leaves_solutions_to_vote_on(method, constant):
    def flat(request):
        return Score(None, "nothing") if constant is None else Score((constant,) * len(request.steps))

    (found,) = Driver(settings(method=method, n=8, beam_width=4), judged=flat).run()
    assert found.completions
    ranks = {found.rank(node) for node in found.completions if node.scores or node.unscored}
    assert ranks == {UNSCORED if constant is None else constant}


@pytest.mark.parametrize("method", ["beam", "dvts", "greedy", "mcts"])
def test_candidates_of_a_round_are_scored_in_one_batch_and_none_twice(method):
    driver = Driver(settings(method=method, n=8, beam_width=4))
    driver.run()
    asked = [request.state for batch in driver.scorings for request in batch]
    assert len(asked) == len(set(asked))
    assert max(map(len, driver.scorings)) > 1


def test_questions_do_not_wait_for_each_other():
    order = []

    def noting(request):
        order.append((request.question, request.prefix.count("\n")))
        return said(request)

    Driver(settings(method="beam", n=4, beam_width=2), noting, shuffle=4).run(QUESTIONS)
    first_of_second_round = next(at for at, (_, depth) in enumerate(order) if depth)
    assert any(not depth for _, depth in order[first_of_second_round:])


@pytest.mark.parametrize("how", ["last", "min", "prod", "mean", "sum_logits"])
def test_the_aggregation_decides_what_is_kept(how):
    driver = Driver(settings(method="greedy", beam_width=4, aggregation=how))
    (found,) = driver.run()
    second = [request for request in driver.draws if request.prefix.count("\n") == 1]
    first = [node for node in found.tree if node.depth == 1]
    best = max(first, key=lambda node: aggregate(judgement(node), how))
    assert {request.prefix for request in second} == {best.text}


def judgement(node):
    assert node.scores is not None
    return node.scores


def test_an_end_pattern_ends_a_solution_at_its_last_step():
    def with_separator(request):
        answer = said(request)
        return generation(answer.text + "\n") if answer.text.startswith("end") else answer

    (found,) = Driver(settings(method="beam", n=4, beam_width=2, end_pattern="^end"), with_separator).run()
    assert found.completions
    assert all(node.text.endswith("\n") for node in found.completions)


def test_a_policy_that_stops_after_a_separator_has_finished_the_solution_before_it():
    def two_rounds(request):
        if request.prefix.startswith("end") or "\nend" in request.prefix:
            return generation("")
        answer = said(request)
        return generation(answer.text + "\n") if answer.text.startswith("end") else answer

    (found,) = Driver(settings(method="beam", n=4, beam_width=2), two_rounds).run()
    assert found.completions
    assert all(node.text.splitlines()[-1].startswith("end") for node in found.completions)
    assert all(node.scores for node in found.completions)


def test_prefixes_are_continued_as_the_tokens_they_were_generated_as():
    driver = Driver(settings(method="omega", n=40, beam_width=4))
    driver.run()
    continued = [request for request in driver.draws if request.prefix]
    assert continued
    assert all(request.prefix_tokens for request in continued)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "magic"},
        {"n": 0},
        {"n": 6, "beam_width": 4, "method": "dvts"},
        {"aggregation": "most"},
        {"token_budget": 0},
        {"end_pattern": "("},
        {"separator": ""},
        {"threshold": 2.0},
        {"max_steps": 0},
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_hint(wrong):
    with pytest.raises(ConfigError) as refusal:
        settings(**wrong)
    assert refusal.value.hint


def test_a_blank_step_is_scored_with_the_one_before_it():
    seen = []

    def noting(request):
        seen.append(request.steps)
        return judged(request)

    def blank(request):
        return generation("\n") if request.number == 0 and request.prefix else said(request)

    Driver(settings(method="beam", n=4, beam_width=2), blank, noting).run()
    assert seen
    assert all(step.strip() for steps in seen for step in steps)


def test_lookahead_scores_what_a_step_leads_to_and_writes_it_greedily():
    driver = Driver(settings(method="beam", n=4, beam_width=2, lookahead=2))
    driver.run()
    assert any(request.greedy for request in driver.draws)
    assert max(len(each.steps) for each in driver.scorings[0]) == 3


def test_a_sum_of_many_low_logits_is_worth_nothing_and_breaks_nothing():
    def hopeless(request):
        return Score((0.0,) * 400)

    (found,) = Driver(settings(method="best_of_n", n=2, aggregation="sum_logits"), judged=hopeless).run()
    assert [found.worth(node) for node in found.completions] == [0.0, 0.0]
    assert found.rank(found.completions[0]) < -6000
