"""Canaries in searches: counted and told, in no tree, no sample and no label."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from omega_fast.cli.app import app
from omega_fast.errors import ConfigError
from omega_fast.grounded.canaries import CanaryTally
from omega_fast.grounded.checking import Check
from omega_fast.grounded.root_job import write_roots
from omega_fast.grounded.search_job import run_search
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.search_summary import SearchSummary
from omega_fast.grounded.settings import GroundedSettings
from omega_fast.verifiers.tools import Finding, ToolAnswer
from tests.grounded.arithmetic import write_roots_file
from tests.grounded.chat_server import say
from tests.grounded.conftest import Serve
from tests.grounded.test_search import HOSTILE, answer, files, nodes, settings, trees


def searched(folder: Path, url: str, count: int = 4, **chosen: Any) -> SearchSummary:
    """With worked solutions, of which canaries can be made."""
    roots = write_roots_file(folder / "root.json", count)
    rows = json.loads(roots.read_text())
    for number, row in enumerate(rows):
        value = number + 3
        worked = f"First {number} + 3 = {value}.\nThen {value} * 4 = {value * 4}, so \\boxed{{{value * 4}}}."
        row["solution"] = worked
    roots.write_text(json.dumps(rows))
    return run_search(roots, folder / "out", settings(url), SearchSettings(**chosen))


def of_canaries(server: Any) -> list[str]:
    """What the judge was asked about canaries: their lines are worded."""
    bodies = [body["messages"] for body in server.bodies]
    asked = [each[1]["content"] for each in bodies if each[0]["content"].startswith("You judge")]
    return [each for each in asked if "First " in each]


def judged(verdict: str) -> Any:
    """A server whose judge says this of canaries, and the truth of all others."""

    def script(body: Mapping[str, Any], tries: int) -> tuple[int, bytes]:
        system, user = (message["content"] for message in body["messages"][:2])
        if "First " not in user:
            return answer(body, tries)
        return 200, say(json.dumps({"query": ""}) if system.startswith("You turn") else verdict)

    return script


def form(verdict: str) -> str:
    return json.dumps({"reason": "so it is", "verdict": verdict})


def test_canaries_reach_the_judge_and_leave_no_trace_in_trees_and_samples(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve(judged(form("right")))
    done = searched(tmp_path / "with", server.url, canary_rate=0.5)
    assert done.canaries.sent == len(set(of_canaries(server))) > 10
    without = searched(tmp_path / "without", serve(judged(form("right"))).url, canary_rate=0)
    assert without.canaries.sent == 0
    assert files(tmp_path / "with") == files(tmp_path / "without")
    assert done.counts == without.counts
    assert not any("First " in path.read_text() for path in (tmp_path / "with/out/mcts_tree").iterdir())


def test_every_run_has_a_right_and_a_wrong_one_and_a_warning_where_there_are_none(
    serve: Serve, tmp_path: Path
) -> None:
    done = searched(tmp_path / "a", serve(judged(form("right"))).url, 1, rounds=1, canary_rate=1e-9)
    assert done.canaries.sent == 2
    assert done.canaries.share("judge", right=True, said=Finding.RIGHT).total == 1
    roots = write_roots_file(tmp_path / "b" / "root.json", 2)  # answers alone
    bare = run_search(
        roots, tmp_path / "b/out", settings(serve(answer).url), SearchSettings(rounds=1, canary_rate=1.0)
    )
    assert bare.canaries.sent == 0
    assert bare.canaries.to_dict()["problems_without"] == 2
    assert any("no canary" in each for each in bare.warnings)


def test_a_judge_that_calls_everything_right_is_warned_of(serve: Serve, tmp_path: Path) -> None:
    done = searched(tmp_path, serve(judged(form("right"))).url, canary_rate=0.5)
    share = done.canaries.share("judge", right=False, said=Finding.RIGHT)
    assert share.hits == share.total > 3
    assert any("wrong steps were called right" in each for each in done.warnings)
    assert not any("right steps were called wrong" in each for each in done.warnings)
    told = json.loads((tmp_path / "out/search.summary.json").read_bytes())
    assert told["canaries"]["judge"]["wrong"]["right"]["value"] == 1.0
    assert told["warnings"] == list(done.warnings)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_to_a_canary_is_no_verdict(serve: Serve, tmp_path: Path, name: str) -> None:
    done = searched(tmp_path, serve(judged(HOSTILE[name])).url, 2, rounds=3, canary_rate=0.5)
    total = 0
    for truth in (True, False):
        share = done.canaries.share("judge", right=truth, said=Finding.CANNOT_SAY)
        assert share.hits == share.total
        total += share.total
    assert total == done.canaries.sent > 2


def test_ledger_canaries_are_checked_by_the_executor_without_a_fault(tmp_path: Path) -> None:
    roots = tmp_path / "root.json"
    write_roots("ledger", roots, GroundedSettings(), most=6)
    done = run_search(roots, tmp_path / "out", GroundedSettings(), SearchSettings(rounds=3, canary_rate=0.5))
    for truth, said in ((True, Finding.RIGHT), (False, Finding.WRONG)):
        share = done.canaries.share("finding", right=truth, said=said)
        assert share.hits == share.total > 5
    assert done.warnings == ()


def test_the_same_canaries_are_sent_and_counted_when_a_search_is_resumed(
    serve: Serve, tmp_path: Path
) -> None:
    first = searched(tmp_path, serve(judged(form("wrong"))).url, canary_rate=0.4)
    again = searched(tmp_path, "http://127.0.0.1:9/v1", canary_rate=0.4)
    assert first.canaries.to_dict() == again.canaries.to_dict()
    assert not any(name.endswith("asked") for name in again.calls)


def test_the_closing_lines_name_shares_with_intervals(tmp_path: Path) -> None:
    runner = CliRunner()
    roots = tmp_path / "root"
    made = runner.invoke(
        app,
        [
            "grounded",
            "root",
            "--task_file_path",
            "ledger",
            "--max_files",
            "3",
            "-o",
            str(roots / "root.json"),
        ],
    )
    assert made.exit_code == 0, made.output
    command = ["grounded", "search", "--root_dir", str(roots), "-o", str(tmp_path / "out"), "--rounds", "2"]
    done = runner.invoke(app, [*command, "--canary-rate", "0.5"])
    assert done.exit_code == 0, done.output
    line = next(each for each in done.output.splitlines() if each.startswith("canaries, wrong steps"))
    assert "wrong 1.00 [" in line
    assert "cannot say 0.00 [0.00, " in line
    with_json = runner.invoke(app, [*command, "--canary-rate", "0.5", "--json"])
    assert json.loads(with_json.stdout)["canaries"]["finding"]["wrong"]["wrong"]["value"] == 1.0


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="canary_rate"):
        SearchSettings(canary_rate=1.5)


def check(said: Finding, judge: Finding | None = None) -> Check:
    return Check(said, "", "", ToolAnswer(said, ""), judge)


@pytest.mark.parametrize(
    ("called", "warned"),
    [
        ({(True, Finding.RIGHT): 40, (False, Finding.WRONG): 40}, 0),
        ({(True, Finding.RIGHT): 39, (True, Finding.WRONG): 1, (False, Finding.WRONG): 40}, 0),
        ({(True, Finding.RIGHT): 40, (False, Finding.WRONG): 30, (False, Finding.RIGHT): 10}, 1),
        ({(True, Finding.WRONG): 40, (False, Finding.RIGHT): 40}, 2),
        ({(True, Finding.CANNOT_SAY): 40, (False, Finding.CANNOT_SAY): 40}, 1),
        ({}, 1),
    ],
)
def test_a_warning_needs_more_than_chance(called: Mapping[tuple[bool, Finding], int], warned: int) -> None:
    tally = CanaryTally()
    for (right, said), count in called.items():
        for _ in range(count):
            tally.add(check(said), right=right)
    assert len(tally.warnings(expected=True)) == warned
    assert tally.sent == sum(called.values())
    assert len(tally.lines()) == 2


def test_steps_of_the_tree_keep_their_verdicts_whatever_the_canaries_get(
    serve: Serve, tmp_path: Path
) -> None:
    searched(tmp_path, serve(judged(form("wrong"))).url, 2, canary_rate=1.0)
    for tree in trees(tmp_path).values():
        for each in nodes(tree):
            left, right = each["state"]["step_ans"].split(" = ")
            a, sign, b = left.split()
            true = (int(a) + int(b) if sign == "+" else int(a) * int(b)) == int(right)
            assert each["reflection"].startswith("[True]" if true else "[False]")
