"""Whole solutions with whether they are right, and pairs of a right and a wrong one, from wherever these are.

A row of a file or data set is of one of these shapes; a prompt that is missing is empty, and a text may be the list of
messages of a chat, whose last one then is the solution and whose last before it by the user the prompt:

* `{"prompt", "response", "label"}`, as OpenRLHF reads unpaired feedback;
* `{"prompt", "chosen", "rejected"}`, as OpenRLHF and TRL read preferences;
* `{"prompt", "completions", "correctness", "dataset"}`, lists or one of each, as shipped for ImplicitPRM
  (arXiv 2412.01981).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omega_fast.errors import InputError
from omega_fast.store.artifacts_file import artifacts_path, read_artifacts
from omega_fast.store.formats.base import ExportOptions
from omega_fast.store.formats.files import Place, RowFault, read_rows
from omega_fast.store.formats.outcomes import CE, Outcome
from omega_fast.store.formats.preferences import DPO, Preference
from omega_fast.train.data.faults import Faults

__all__ = ["OutcomeSource", "outcomes_of", "preferences_of", "read_outcomes"]

OutcomeSource = str | Path | Iterable[Outcome | Preference | Mapping[str, Any]]
"""A run directory, a file, a folder of files, the name of a data set on the hub, or objects."""

Placed = tuple[Place, Outcome | Preference]
_OBJECTS = Path("(given)")
_ABOUT = ("dataset_info.json", "dataset_infos.json")
_ROW_FILES = (".parquet", ".jsonl", ".json", ".csv")


def read_outcomes(source: OutcomeSource, faults: Faults, *, pairs: bool) -> Iterator[Placed]:
    """Yield what a source holds, each with its place.

    Args:
        source: Where it is. A data set of the hub is taken from the local cache, or fetched into it.
        faults: Takes the rows that are of no known shape.
        pairs: Whether pairs are wanted, where both can be made: a run's are launched from one state.

    Raises:
        InputError: If there is no such source.
        StoreError: If it cannot be read.
    """
    if not isinstance(source, str | Path):
        rows: Iterable[tuple[Place, Any]] = (
            (Place(_OBJECTS, number, "item"), each) for number, each in enumerate(source, 1)
        )
    elif artifacts_path(path := Path(source)).is_file() or (path / "manifest.json").is_file():
        yield from _from_run(path, pairs=pairs)
        return
    else:
        rows = _from_files(path if path.exists() else _cached(str(source)), faults)
    for place, row in rows:
        if isinstance(row, Outcome | Preference):
            yield place, row
            continue
        try:
            if not isinstance(row, Mapping):
                raise TypeError(f"it is a {type(row).__name__}")
            found = list(_parsed(row))
        except (KeyError, TypeError, ValueError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            faults.unreadable(RowFault(place, f"{reason}, and is no row of solutions", row))
        else:
            yield from ((place, each) for each in found)


def outcomes_of(found: Iterable[Placed]) -> Iterator[tuple[Place, Outcome]]:
    """The same as single solutions: a pair is a right one and a wrong one."""
    for place, each in found:
        if isinstance(each, Outcome):
            yield place, each
        else:
            yield place, Outcome(each.prompt, each.chosen, label=True)
            yield place, Outcome(each.prompt, each.rejected, label=False)


def preferences_of(found: Iterable[Placed]) -> Iterator[tuple[Place, Preference]]:
    """The same as pairs: the n-th right solution of a prompt with its n-th wrong one, in order; no one twice."""
    waiting: dict[str, tuple[list[str], list[str]]] = {}
    for place, each in found:
        if isinstance(each, Preference):
            yield place, each
            continue
        sides = waiting.setdefault(each.prompt, ([], []))
        sides[each.label].append(each.response)
        if all(sides):
            wrong, right = (side.pop(0) for side in sides)
            yield place, Preference(each.prompt, right, wrong)


def _from_run(path: Path, *, pairs: bool) -> Iterator[Placed]:
    for artifacts in read_artifacts(path):
        form: Any = DPO if pairs else CE
        for number, row in enumerate(form.project(artifacts, ExportOptions()), 1):
            yield Place(path / f"question {artifacts.question.id}", number, "rollout"), row


def _from_files(path: Path, faults: Faults) -> Iterator[tuple[Place, Any]]:
    files = [path]
    if path.is_dir() and not (path / "state.json").is_file():
        found = [each for each in sorted(path.rglob("*")) if each.suffix in _ROW_FILES and each.is_file()]
        files = [each for each in found if each.name not in _ABOUT] or [path]
    for each in files:
        yield from read_rows(each, faults.unreadable)


def _cached(name: str) -> Path:
    if Path(name).suffix in _ROW_FILES or name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise InputError(
            f"there is no file {name}", hint="check the path; a data set of the hub is owner/name"
        )
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - it takes a second

    wanted = [f"*{suffix}" for suffix in _ROW_FILES]
    try:
        try:
            return Path(snapshot_download(name, repo_type="dataset", local_files_only=True))
        except OSError:  # it was never fetched
            return Path(snapshot_download(name, repo_type="dataset", allow_patterns=wanted))
    except (OSError, ValueError) as error:
        raise InputError(
            f"there is no file {name}, and no data set of that name in the local cache of the hub or on it: "
            f"{str(error).splitlines()[0]}",
            hint=f"check the name, or run `hf download --repo-type dataset {name}` where there is a network",
        ) from error


def _parsed(row: Mapping[str, Any]) -> Iterator[Outcome | Preference]:
    if "chosen" in row:
        prompt, chosen = _turns(row.get("prompt"), row["chosen"])
        yield Preference(prompt, chosen, _turns(row.get("prompt"), row["rejected"])[1])
    elif "completions" in row:
        completions, labels = _listed(row["completions"]), _listed(row["correctness"])
        if len(completions) != len(labels):
            raise ValueError("completions and correctness differ in number")
        for completion, label in zip(completions, labels, strict=True):
            yield _outcome(row.get("prompt"), completion, label)
    else:
        yield _outcome(row.get("prompt"), row["response"], row["label"])


def _outcome(prompt: Any, response: Any, label: Any) -> Outcome:
    asked, said = _turns(prompt, response)
    return CE.from_json({"prompt": asked, "response": said, "label": label})


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [value]


def _turns(prompt: Any, said: Any) -> tuple[str, str]:
    """Prompt and solution of two texts, or of the messages of a chat."""
    if isinstance(said, list):
        messages = [*(prompt if isinstance(prompt, list) else ()), *said]
        asked = [each["content"] for each in messages[:-1] if each["role"] == "user"]
        prompt = asked[-1] if asked else prompt
        said = messages[-1]["content"]
    if not isinstance(said, str) or not isinstance(prompt, str | None):
        raise TypeError("prompt or solution is no text")
    return prompt or "", said
