"""Demonstrations err as they are told to, and not otherwise."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.tasks.ledger import (
    CLEAN,
    LedgerConfig,
    SlipRates,
    demonstrate,
    first_error,
    generate,
    parse,
    render,
)
from omega_fast.tasks.ledger.working import Working

TRAP = "x is 2 . y is 1 . a y add 8 . b x times 9 . c x take y . ?"


def errors(rates, count=600, operations=(2, 6)):
    rng = random.Random(0)
    for index in range(count):
        problem = generate(LedgerConfig(operations=operations), 1, index)
        lines = demonstrate(problem, rates, rng)
        yield first_error(render(problem), lines), lines, problem


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_clean_demonstration_is_wholly_right(problems, data):
    problem = data.draw(problems)
    lines = demonstrate(problem, CLEAN, random.Random(data.draw(st.integers(0, 99))))
    assert first_error(render(problem), lines) == -1


def test_each_kind_of_slip_makes_errors():
    for kind in ("operator", "operand", "skip", "random_result", "off_by_one"):
        found = [error for error, *_ in errors(replace(CLEAN, **{kind: 0.2, "late": 0.0}), count=50)]
        assert any(error >= 0 for error in found), kind


def test_a_trap_writes_the_difference_the_wrong_way_round():
    lines = demonstrate(parse(TRAP), replace(CLEAN, trap=1.0), random.Random(0))
    assert "c x 8 - 9 = 1\n" in lines
    assert lines[-1] == "answer 1 9\n"


def test_there_is_no_trap_before_its_first_statement():
    lines = demonstrate(parse(TRAP), replace(CLEAN, trap=1.0, trap_from=3), random.Random(0))
    assert first_error(TRAP, lines) == -1


def test_traps_strike_at_their_rate():
    struck = [
        first_error(TRAP, demonstrate(parse(TRAP), replace(CLEAN, trap=0.6), random.Random(seed))) >= 0
        for seed in range(500)
    ]
    assert 0.53 < sum(struck) / len(struck) < 0.67


def test_a_tilt_moves_first_errors_back():
    def mean_position(late):
        rates = SlipRates(trap=0.0, late=late)
        found = [error for error, *_ in errors(rates, operations=(6, 6)) if error >= 0]
        return sum(found) / len(found)

    assert mean_position(1.0) > mean_position(0.0) + 0.5


def test_what_follows_a_slip_is_worked_from_the_wrong_value():
    rates = replace(CLEAN, off_by_one=0.3, late=0.0)
    for _, lines, problem in errors(rates, count=100):
        values = dict(problem.initial)
        for line in lines[:-1]:
            _, register, left, _, _, _, result = line.split()
            assert int(left) == values[register]
            values[register] = int(result)
        assert lines[-1] == f"answer {values['x']} {values['y']}\n"


def test_striking_a_statement_leaves_its_value_unwritten():
    page = Working(parse(TRAP))
    page.skip(0)
    assert page.values["y"] == 1
    assert 0 not in page.todo
