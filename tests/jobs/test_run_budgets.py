"""Budgets of a whole run: it stops in time, and goes on to what a run without them says."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest

from omega_fast.errors import ConfigError
from omega_fast.jobs import annotate, estimate, status
from omega_fast.records import Usage
from omega_fast.spending.prices import read_prices
from tests.engine.fakes import FakeEngine, Knobs, questions
from tests.engine.runs import annotated, artifacts, draws, exports, records, settings

PRICES = "currency: EUR\nmodels:\n  m: {prompt: 1, cached_prompt: 0.5, generated: 4}\n"


@pytest.fixture
def priced(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "prices.yaml"
    path.write_text(PRICES)
    return {"price_file": path, "model_name": "m"}


def tokens(run: Path) -> int:
    return sum(record.body["n_tokens"] for record in records(run, "rollout"))


def cost(run: Path, price_file: Path) -> Decimal:
    billed = (
        each.body.get("usage", [each.body["n_prompt_tokens"], 0, each.body["n_tokens"]])
        for each in records(run, "rollout")
    )
    usage = sum((Usage(*each) for each in billed), Usage())
    return read_prices(price_file, "m").cost(usage)


def slow(number: int) -> FakeEngine:
    return FakeEngine(Knobs(shuffle=number, latency=3))


@pytest.mark.parametrize("speculation", [0, 1])
@pytest.mark.parametrize("spend", ["even", "finish"])
def test_a_token_budget_is_never_overshot_and_the_drained_run_goes_on_to_the_same_labels(
    tmp_path, speculation, spend
):
    annotated(tmp_path / "whole")
    for number, limit in enumerate([200, 700, 1500, 2500, 4000, None]):
        changes = {"max_tokens": limit, "speculation": speculation, "spend": spend}
        summary = annotated(tmp_path / "run", slow(number), **changes)
        assert limit is None or tokens(tmp_path / "run") <= limit
        assert summary.complete or (
            summary.stopped_by == "max_tokens" and summary.tokens_in_log > limit - 200
        )
    assert summary.complete
    assert not summary.stopped_by
    assert exports(tmp_path / "run") == exports(tmp_path / "whole")
    assert set(draws(tmp_path / "run").values()) == {1}


def test_a_cost_budget_is_never_overshot_and_the_drained_run_goes_on_to_the_same_labels(tmp_path, priced):
    annotated(tmp_path / "whole", **priced)
    for number, limit in enumerate(["0.003", "0.005", "0.01", None]):
        summary = annotated(tmp_path / "run", slow(number), max_cost=limit, **priced)
        paid = cost(tmp_path / "run", priced["price_file"])
        assert summary.cost == float(paid)
        assert limit is None or paid <= Decimal(limit)
        assert summary.complete or summary.stopped_by == "max_cost"
    assert summary.complete
    assert summary.currency == "EUR"
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")


def test_time_that_is_up_stops_the_run_and_what_was_out_comes_home(tmp_path):
    annotated(tmp_path / "whole")
    summary = annotated(tmp_path / "run", max_time=1e-9)
    assert summary.stopped_by == "max_time"
    assert not draws(tmp_path / "run")
    annotated(tmp_path / "run", max_time="1h")
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")


def test_a_budget_that_is_not_reached_changes_nothing(tmp_path):
    annotated(tmp_path / "whole")
    summary = annotated(tmp_path / "run", max_tokens=10**9, max_time="2h30m")
    assert summary.complete
    assert not summary.stopped_by
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")


def test_a_spent_budget_pays_for_nothing_more(tmp_path):
    annotated(tmp_path / "run", max_tokens=700)
    before = draws(tmp_path / "run")
    engine = FakeEngine()
    assert annotated(tmp_path / "run", engine, max_tokens=700).stopped_by == "max_tokens"
    assert draws(tmp_path / "run") == before
    assert engine.submitted == 0


def test_status_tells_which_budget_ended_the_last_start(tmp_path):
    annotated(tmp_path / "run", max_tokens=700)
    assert status(tmp_path / "run").stopped_by == "max_tokens"
    annotated(tmp_path / "run")
    assert not status(tmp_path / "run").stopped_by


def test_a_majority_that_waits_for_votes_does_not_keep_a_spent_run(tmp_path):
    def asked():
        return questions(5, gold=False, solutions=1)

    annotated(tmp_path / "whole", asked=asked(), gold="majority")
    for limit in (300, 1200, None):
        summary = annotated(tmp_path / "run", slow(2), asked=asked(), gold="majority", max_tokens=limit)
        assert limit is None or tokens(tmp_path / "run") <= limit
    assert summary.complete
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")


def test_draws_that_an_interruption_gives_up_are_written_off_at_their_longest(tmp_path):
    stop = Event()

    def interrupt(number: int, _: object) -> None:
        if number == 8:
            stop.set()

    engine = FakeEngine(Knobs(on_submit=interrupt, latency=10**9))
    summary = annotated(tmp_path / "run", engine, stop=stop, grace_period=0)
    assert summary.tokens_written_off == engine.submitted * 200
    again = annotated(tmp_path / "run", max_tokens=summary.tokens_written_off + 199)
    assert again.stopped_by == "max_tokens"
    assert not draws(tmp_path / "run")


def test_failed_tries_take_nothing_from_a_budget(tmp_path):
    annotated(tmp_path / "whole")
    engine = FakeEngine(Knobs(fails_once=lambda _: True))
    assert annotated(tmp_path / "run", engine, max_tokens=10**6).complete
    assert artifacts(tmp_path / "run") == artifacts(tmp_path / "whole")


def test_a_model_without_prices_is_refused_before_a_folder_is_made(tmp_path, priced):
    config = settings(tmp_path / "run", **(priced | {"model_name": "other"}))
    with pytest.raises(ConfigError):
        annotate(config, questions=questions(1), backend=FakeEngine())
    assert not (tmp_path / "run").exists()


def test_status_does_without_a_price_file_that_is_gone(tmp_path, priced):
    annotated(tmp_path / "run", **priced)
    assert status(tmp_path / "run").cost is not None
    priced["price_file"].unlink()
    summary = status(tmp_path / "run")
    assert summary.cost is None
    assert any("costs are left out" in warning for warning in summary.warnings)


def test_a_forecast_after_a_third_of_the_questions_holds_what_the_rest_then_costs(tmp_path, priced):
    asked = questions(90)
    first = annotated(tmp_path / "run", asked=asked, spend="finish", slots=1, max_tokens=16_000, **priced)
    assert first.outlook is not None
    assert 20 <= first.finished <= 60
    rest = annotated(tmp_path / "run", asked=asked, **priced)
    forecast = first.outlook.label
    assert forecast is not None
    assert forecast.cost is not None
    labels = rest.labels - first.labels
    took = (rest.tokens - first.tokens) / labels
    assert forecast.tokens.low <= took <= forecast.tokens.high
    left = first.outlook.left.rollouts
    assert left.low <= rest.rollouts_in_log - first.rollouts_in_log <= left.high


def test_finishing_the_first_questions_leaves_more_of_a_spent_budget_in_labels(tmp_path):
    labels = {
        spend: annotated(
            tmp_path / spend, asked=questions(60), locate="binary", spend=spend, max_tokens=8_000
        ).labels
        for spend in ("even", "finish")
    }
    assert labels["finish"] > 2 * labels["even"]


def test_estimate_tries_its_questions_whatever_the_budget(tmp_path, monkeypatch, priced):
    asked = tmp_path / "asked.jsonl"
    rows = [{"id": each.id, "problem": each.problem, "answer": each.answer} for each in questions(20)]
    asked.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    monkeypatch.setattr(sys.modules["omega_fast.jobs.annotate"], "open_policy", lambda _: FakeEngine())
    forecast = estimate(
        settings(tmp_path / "run", question_file=str(asked), max_tokens=200, **priced), questions=10
    )
    assert forecast.questions == 10
    assert forecast.label is not None
    assert forecast.forecast_cost is not None
    assert forecast.currency == "EUR"
