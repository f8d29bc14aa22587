"""The role prm: a second opinion that decides nothing, or the judge."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from omega_fast.errors import BackendError, ConfigError, InputError
from omega_fast.grounded.root_job import write_roots
from omega_fast.grounded.search_job import run_search
from omega_fast.grounded.search_settings import SearchSettings
from omega_fast.grounded.search_summary import SearchSummary
from omega_fast.grounded.settings import GroundedSettings
from omega_fast.tasks.ledger import first_error
from tests.grounded.arithmetic import write_roots_file
from tests.grounded.chat_server import role
from tests.grounded.conftest import Serve
from tests.grounded.test_search import answer, files, nodes, trees

EXACT = "omega_fast.tasks.ledger.exact_scorer:exact_scorer"


class Contrary:
    """Says the opposite of the truth."""

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        return [
            [float(first_error(problem, steps[: end + 1]) not in (-1, end + 1)) for end in range(len(steps))]
            for problem, steps in solutions
        ]


class Refusing:
    """Refuses every solution of two steps, whatever is asked with it."""

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        if any(len(steps) == 2 for _, steps in solutions):
            raise InputError("two steps are too many", hint="")
        return [[1.0] * len(steps) for _, steps in solutions]


class Sure:
    """Holds every step right."""

    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        return [[0.9] * len(steps) for _, steps in solutions]


class Broken:
    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> Any:
        raise RuntimeError("the weights are gone")


class Talkative:
    def score_many(self, solutions: Sequence[tuple[str, Sequence[str]]]) -> Any:
        return ["right"] * len(solutions)


def scorer(name: str) -> str:
    return f"{__name__}:{name}"


def searched(folder: Path, **said: Any) -> SearchSummary:
    roots = folder / "root.json"
    write_roots("ledger", roots, GroundedSettings(), most=4)
    chosen = GroundedSettings.model_validate(said)
    return run_search(roots, folder / "out", chosen, SearchSettings(rounds=3, canary_rate=0.3))


def test_its_score_stands_beside_each_verdict_and_changes_nothing_else(tmp_path: Path) -> None:
    alone = searched(tmp_path / "alone")
    done = searched(tmp_path / "with", prm={"backend": "hf", "model": scorer("Contrary")})
    steps = [each for tree in trees(tmp_path / "with").values() for each in nodes(tree)]
    for each in steps:
        assert each.pop("prm") in (0.0, 1.0)
    plain = [each for tree in trees(tmp_path / "alone").values() for each in nodes(tree)]
    assert [(each["id"], each["value"], each["reflection"]) for each in steps] == [
        (each["id"], each["value"], each["reflection"]) for each in plain
    ]
    assert done.counts["steps the prm scored"] == done.counts["steps checked"] > 50
    assert done.counts["disagreements of prm and verdict"] > 20
    assert done.counts["steps right"] == alone.counts["steps right"]


def test_as_the_judge_it_decides_alone_without_a_tool(tmp_path: Path) -> None:
    done = searched(tmp_path, tools=[], judge="prm", prm={"backend": "hf", "model": EXACT})
    assert done.counts["steps right"] > 0 < done.counts["steps wrong"]
    for name, tree in trees(tmp_path).items():
        rows = json.loads((tmp_path / "root.json").read_bytes())
        question = next(row["question"] for row in rows if row["path"] == name)
        for each in nodes(tree):
            lines = [step["action"] for step in each["state"]["steps"]]
            right = first_error(question, lines) in (-1, len(lines))
            assert each["reflection"].startswith("[True]" if right else "[False]")
            assert each["tool"]["finding"] == "cannot_say"
    assert done.canaries.share("judge", right=False, said="wrong").value == 1.0  # type: ignore[arg-type]


def test_beside_the_tool_both_have_to_agree_and_canaries_tell_of_a_judge_that_is_wrong(
    tmp_path: Path,
) -> None:
    done = searched(tmp_path, judge="prm", prm={"backend": "hf", "model": scorer("Contrary")})
    assert done.counts["disagreements of tool and judge"] > 20
    assert any("the judge fails the canaries" in each for each in done.warnings)


def test_between_its_bounds_it_cannot_say(tmp_path: Path) -> None:
    bounds = {"judge": "prm", "tools": [], "prm_bounds": [0.0, 1.0]}
    done = searched(tmp_path, **bounds, prm={"backend": "hf", "model": scorer("Contrary")})
    assert done.counts["steps wrong"] == 0 < done.counts["steps cannot_say"]


def test_a_solution_that_it_refuses_has_no_score_and_the_others_have(tmp_path: Path) -> None:
    done = searched(tmp_path, prm={"backend": "hf", "model": scorer("Refusing")})
    assert 0 < done.counts["steps the prm scored"] < done.counts["steps checked"]
    for tree in trees(tmp_path).values():
        for each in nodes(tree):
            assert ("prm" in each) is (len(each["state"]["steps"]) != 2)


def test_its_scores_are_found_again_when_a_search_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched(tmp_path, prm={"backend": "hf", "model": scorer("Contrary")})
    before = files(tmp_path)
    monkeypatch.setattr(Contrary, "score_many", Broken.score_many)
    again = searched(tmp_path, prm={"backend": "hf", "model": scorer("Contrary")})
    assert files(tmp_path) == before
    assert "prm_asked" not in again.calls


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["Broken", "Talkative"])
def test_a_scorer_that_fails_ends_the_job_with_its_reason(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackendError):
        searched(tmp_path, prm={"backend": "hf", "model": scorer(name)})


@pytest.mark.parametrize(
    "said",
    [
        {"tools": []},
        {"prm": {"model": "m", "base_url": "http://127.0.0.1:9/v1", "options": {"colour": 1}}},
        {"prm": {"model": "m"}},
        {"prm": {"backend": "hf", "model": "no.such:thing"}},
        {"prm": {"backend": "hf", "model": EXACT, "options": {"shape": "round"}}},
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_asked(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError):
        searched(tmp_path, **said)


def test_as_the_judge_it_writes_no_queries_so_that_somebody_else_has_to(serve: Serve, tmp_path: Path) -> None:
    roots = write_roots_file(tmp_path / "root.json", 1)
    server = serve(answer)
    said: dict[str, Any] = {
        "policy": role(server.url),
        "judge": "prm",
        "prm": {"backend": "hf", "model": scorer("Sure")},
    }
    with pytest.raises(ConfigError, match="query_writer"):
        run_search(roots, tmp_path / "out", GroundedSettings.model_validate(said), SearchSettings())
    assert not server.bodies
    settings = GroundedSettings.model_validate({**said, "query_writer": role(server.url)})
    done = run_search(roots, tmp_path / "out", settings, SearchSettings(rounds=2))
    # It holds everything right: where the tool does not, there is no label
    assert done.counts["steps right"] > 0
    assert done.counts["steps wrong"] == 0
    assert done.counts["disagreements of tool and judge"] == done.counts["steps cannot_say"]


@pytest.mark.parametrize(
    "said", [{"judge": "prm"}, {"judge": "policy"}, {"prm_bounds": [0.7, 0.3]}, {"prm_bounds": [0, 2]}]
)
def test_a_judge_that_is_not_there_and_bounds_that_are_none_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="prm"):
        GroundedSettings.model_validate(said)
