"""The log of calls: what is held in memory, what is found again, and what happens when writing fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from omega_fast.errors import StoreDamagedError, StoreError
from omega_fast.grounded.calls import CallLog
from omega_fast.store import StoreOptions
from omega_fast.store.files import LocalFileSystem

SMALL = StoreOptions(group_lines=16, group_seconds=60.0, segment_bytes=4000)


def answered(log: CallLog, *numbers: int) -> list[Mapping[str, Any]]:
    """What the log says to calls by number; an answer that is not known is made."""

    async def one(number: int) -> Mapping[str, Any]:
        async def call() -> Mapping[str, Any]:
            return {"texts": [f"answer {number}"] * 3, "n_prompt_tokens": 10, "n_tokens": number % 7}

        return await log.once("policy", f"key {number}", call)

    async def everything() -> list[Mapping[str, Any]]:
        return [await one(number) for number in numbers]

    return asyncio.run(everything())


def test_answers_on_the_disk_are_not_held_in_memory_however_many_there_are(tmp_path: Path) -> None:
    with CallLog(tmp_path / "calls", options=SMALL) as log:
        most = 0
        for number in range(2000):
            answered(log, number)
            most = max(most, log.held)
        assert most <= SMALL.group_lines
        assert log.known == 2000
        assert len(list((tmp_path / "calls" / "log").iterdir())) > 20
        for number in (0, 1, 999, 1998, 1999):
            (found,) = answered(log, number)
            assert found["texts"] == [f"answer {number}"] * 3
        assert log.counts["policy_found"] == 5
        assert log.counts["policy_asked"] == 2000
        assert log.counts["policy_tokens_read"] == 20_000


def test_a_log_that_is_opened_again_holds_nothing_and_finds_everything(tmp_path: Path) -> None:
    with CallLog(tmp_path / "calls", options=SMALL) as log:
        answered(log, *range(300))
    with CallLog(tmp_path / "calls", options=SMALL) as log:
        assert (log.held, log.known) == (0, 300)
        found = answered(log, *range(300))
        assert [each["texts"][0] for each in found] == [f"answer {number}" for number in range(300)]
        assert log.counts == {"policy_found": 300}
        answered(log, 300, 301)
    with CallLog(tmp_path / "calls", options=SMALL) as log:
        assert answered(log, 301, 299)[0]["texts"][0] == "answer 301"
        assert log.counts == {"policy_found": 2}


def test_an_answer_that_was_damaged_meanwhile_is_told_and_not_used(tmp_path: Path) -> None:
    with CallLog(tmp_path / "calls", options=SMALL) as log:
        answered(log, *range(16))
        (segment, *_) = sorted((tmp_path / "calls" / "log").iterdir())
        data = segment.read_bytes()
        segment.write_bytes(data.replace(b"answer 3", b"answer 5"))
        with pytest.raises(StoreDamagedError):
            answered(log, 3)
        segment.write_bytes(data)


@pytest.mark.timeout(30)
def test_when_an_answer_cannot_be_written_nobody_waits_for_it_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def call() -> Mapping[str, Any]:
        await asyncio.sleep(0.01)
        return {"texts": ["a"]}

    async def everything(log: CallLog) -> list[Any]:
        return await asyncio.gather(
            *(log.once("policy", "key", call) for _ in range(3)), return_exceptions=True
        )

    with CallLog(tmp_path / "calls", options=StoreOptions(group_lines=1)) as log:
        monkeypatch.setattr(LocalFileSystem, "sync", full)
        found = asyncio.run(everything(log))
        monkeypatch.undo()
    assert all(isinstance(each, StoreError) for each in found)
