"""The generator and its promises."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.errors import ConfigError
from omega_fast.tasks.ledger import (
    LedgerConfig,
    first_error,
    generate,
    generator,
    gold_answer,
    is_strict,
    parse,
    render,
)
from omega_fast.tasks.ledger.program import dependencies, needed_registers, needed_statements
from omega_fast.tasks.ledger.working import Working


def test_a_problem_depends_on_configuration_seed_and_index_alone():
    forwards = [generate(LedgerConfig(), 7, i) for i in range(20)]
    backwards = [generate(LedgerConfig(), 7, i) for i in reversed(range(20))]
    assert forwards == backwards[::-1]
    assert len({render(problem) for problem in forwards}) == 20
    assert generate(LedgerConfig(), 8, 0) != forwards[0]


def test_the_stream_is_the_same_on_every_machine():
    assert render(generate(LedgerConfig(), 0, 0)) == (
        "x is 1 . y is 7 . a x take 9 . b x times 9 . c x take y . ?"
    )


def test_a_default_problem_has_four_to_eight_lines():
    lengths = {len(needed_statements(generate(LedgerConfig(), 0, i))) + 1 for i in range(200)}
    assert lengths == {4, 5, 6, 7, 8}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_statement_just_before_one_it_directly_depends_on_is_never_right_by_luck(problems, data):
    problem = data.draw(problems)
    text = render(problem)
    before = dependencies(needed_statements(problem))
    for moved, earlier in enumerate(before):
        for to in earlier:
            if any(to in before[between] for between in earlier):
                continue
            order = [*range(to), moved, *(i for i in range(to, len(before)) if i != moved)]
            page = Working(problem)
            lines = [*(page.write(i) for i in order), page.write_answer()]
            assert page.answer() != gold_answer(text)
            assert first_error(text, lines) == to


def test_a_problem_whose_statements_commute_is_not_strict():
    assert not is_strict(parse("x is 1 . a x add 2 . b x add 3 . ?"))
    assert not is_strict(parse("x is 1 . a x add 5 . b x times 3 . ?"))


def test_a_problem_with_a_statement_of_no_effect_is_not_strict():
    assert not is_strict(parse("x is 0 . a x times 3 . ?"))


def test_distractors_stay_out_of_the_answer():
    problem = generate(LedgerConfig(distractors=3), 0, 0)
    assert needed_registers(problem) == ("x", "y")
    assert len(problem.statements) - len(needed_statements(problem)) == 3


def test_wrong_orders_are_lucky_less_often_than_one_register_in_ten_would_be():
    lucky = total = 0
    for index in range(30):
        problem = generate(LedgerConfig(operations=(3, 4)), 0, index)
        text = render(problem)
        for order in permutations(range(len(problem.statements))):
            page = Working(problem)
            lines = [*(page.write(i) for i in order), page.write_answer()]
            if first_error(text, lines) != -1:
                total += 1
                lucky += page.answer() == gold_answer(text)
    assert lucky / total < 0.1


@pytest.mark.parametrize(
    "settings",
    [
        {"operations": (0, 2)},
        {"operations": (3, 2)},
        {"operations": (2, 40)},
        {"modulus": 2},
        {"modulus": 100},
        {"registers": 0},
        {"registers": 5},
        {"distractors": -1},
        {"take_share": 1.5},
    ],
)
def test_settings_out_of_range_are_refused_with_a_hint(settings):
    with pytest.raises(ConfigError) as refusal:
        LedgerConfig(**settings)
    assert refusal.value.hint


def test_settings_that_allow_no_strict_problem_are_refused_rather_than_tried_for_ever(monkeypatch):
    monkeypatch.setattr(generator, "is_strict", lambda problem: False)
    monkeypatch.setattr(generator, "_MOST_DRAWS", 3)
    with pytest.raises(ConfigError, match="no problem in 3 draws"):
        generate(LedgerConfig(), 0, 0)
