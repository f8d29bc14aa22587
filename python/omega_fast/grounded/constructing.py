"""The stage behind `omega grounded construct`: consistent paths in, conversations to fine-tune on out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from omega_fast.grounded.counts import StageCounts
from omega_fast.store.files import LocalFileSystem, write_atomically
from omega_fast.store.formats import FORMATS, GROUNDED_CHAT, GROUNDED_PATHS, GroundedChat, LabelledSolution
from omega_fast.store.formats.files import RowFault, write_rows
from omega_fast.store.lines import encode_json

__all__ = ["construct_training", "dataset_info"]

_SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}


def construct_training(source: Path, folder: Path, *, system: str = "") -> StageCounts:
    r"""Write conversations in which each step of a path gets a critique that ends in `\boxed{+}` or `\boxed{-}`.

    A path is cut after its first wrong step. The critique's wording around what the tool and the judge said is the same
    for both labels. Files in the folder: `training.json` (GroundedPRM's own), `sharegpt.json`, `messages.jsonl` (OpenAI
    and TRL's SFT), `trl.jsonl` (TRL's stepwise supervision), and LLaMA-Factory's `dataset_info.json` for the first two.

    Args:
        source: The consistent paths, `fixed_data.json`.
        folder: Where the files go.
        system: What a system message says; none if empty.

    Raises:
        InputError: The paths cannot be read at all.
        StoreError: A file cannot be written.
    """
    counts = StageCounts(folder / "training.json")
    folder.mkdir(parents=True, exist_ok=True)

    def set_aside(fault: RowFault) -> None:
        counts.reject("the row cannot be read")
        del fault

    talks: list[GroundedChat] = []
    solutions: list[LabelledSolution] = []
    seen: set[GroundedChat] = set()
    for row in GROUNDED_PATHS.read(source, set_aside):
        solution = _cut(row.solution)
        try:
            (talk,) = _talks(solution)
        except ValueError as error:
            counts.reject(str(error))
            continue
        if talk in seen:
            counts.reject("the same conversation comes a second time")
            continue
        seen.add(talk)
        counts.keep()
        counts.noted["steps right"] += sum(label is True for label in solution.hard)
        counts.noted["steps wrong"] += sum(label is False for label in solution.hard)
        counts.noted["steps cut away"] += len(row.solution.steps) - len(solution.steps)
        counts.noted["steps without a tool"] += sum(
            each is None or each.tool is None for each in solution.checks or (None,) * len(solution.steps)
        )
        talks.append(_with_system(talk, system))
        solutions.append(solution)
    _write(folder, talks, solutions)
    return counts


def dataset_info() -> dict[str, Any]:
    """LLaMA-Factory's description of the files, by the names to be given as `--dataset`."""
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    return {
        "grounded_prm": {
            "file_name": "training.json",
            "formatting": "sharegpt",
            "columns": {"messages": "conversation"},
            "tags": {**tags, "system_tag": "system"},
        },
        "grounded_prm_sharegpt": {
            "file_name": "sharegpt.json",
            "formatting": "sharegpt",
            "columns": {"messages": "conversations"},
            "tags": {
                "role_tag": "from",
                "content_tag": "value",
                "user_tag": "human",
                "assistant_tag": "gpt",
                "system_tag": "system",
            },
        },
    }


def _cut(solution: LabelledSolution) -> LabelledSolution:
    """The solution up to its first wrong step."""
    end = solution.first_error
    if end is None:
        return solution
    return replace(
        solution,
        steps=solution.steps[: end + 1],
        hard=solution.hard[: end + 1],
        soft=solution.soft[: end + 1],
        checks=solution.checks[: end + 1],
    )


def _talks(solution: LabelledSolution) -> list[GroundedChat]:
    assert GROUNDED_CHAT.from_solution is not None, "the format is made of solutions"
    return list(GROUNDED_CHAT.from_solution(solution))


def _with_system(talk: GroundedChat, system: str) -> GroundedChat:
    return replace(talk, messages=(("system", system), *talk.messages)) if system else talk


def _write(folder: Path, talks: list[GroundedChat], solutions: list[LabelledSolution]) -> None:
    GROUNDED_CHAT.write_rows(folder / "training.json", talks)
    write_rows(
        folder / "sharegpt.json",
        (
            {"conversations": [{"from": _SHAREGPT[role], "value": text} for role, text in talk.messages]}
            for talk in talks
        ),
    )
    write_rows(
        folder / "messages.jsonl",
        ({"messages": [{"role": role, "content": text} for role, text in talk.messages]} for talk in talks),
    )
    trl = FORMATS["trl"]
    trl.write_rows(folder / "trl.jsonl", _trl_rows(solutions))
    info = encode_json(dataset_info(), what="dataset_info.json") + b"\n"
    write_atomically(LocalFileSystem(), folder / "dataset_info.json", info)


def _trl_rows(solutions: list[LabelledSolution]) -> Iterator[Any]:
    make = FORMATS["trl"].from_solution
    assert make is not None, "the format is made of solutions"
    for solution in solutions:
        yield from make(solution)
