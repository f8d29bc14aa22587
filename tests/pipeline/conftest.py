"""A recipe whose commands are carried out in this process: each writes its words and what it reads into its output."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omega_fast.pipeline import run
from omega_fast.pipeline.recipe import Recipe, read_recipe
from omega_fast.pipeline.running import Ended

RECIPE = """
title: Three stages
about: to see what is run
variables: {k: 1}
stages:
  - name: a
    about: makes one
    run: omega make ${here}/one.txt --k ${k}
    outputs: [one.txt]
    show: {words: words, "a share": share}
  - name: b
    run: omega make ${here}/two.txt ${a}/one.txt
    outputs: [two.txt]
  - name: c
    run: omega make ${here}/three.txt ${b}/two.txt
    outputs: [three.txt]
"""


class Commands:
    """Stands for processes: keeps what was run, and does as it is told."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.codes: dict[str, int] = {}
        self.written: dict[str, str] = {}
        self.killed: str = ""

    def __call__(self, words: Any, output: Path, *, stop: Any, on_started: Callable[..., None]) -> Ended:
        del stop
        on_started(1, 0.0)
        assert words[-1] == "--json"
        target, *sources = (word for word in words[2:-1] if "/" in word)
        name = Path(target).parent.name
        self.ran.append(name)
        if self.killed == name:
            Path(target).with_suffix(".part").write_text("half")
            raise SystemExit("killed")
        code = self.codes.get(name, 0)
        if code in (0, 3):
            text = " ".join(words) + "".join(Path(each).read_text() for each in sources)
            Path(target).write_text(self.written.get(name, text))
            said = {"words": len(words), "share": {"value": 0.5, "low": 0.25, "high": 0.75}}
            output.write_text("said by a launcher\n" + json.dumps(said) + "\n")
        return Ended(code, 1.0, 0.5)


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    fake = Commands()
    monkeypatch.setattr(run, "run_command", fake)
    return fake


@pytest.fixture
def recipe(tmp_path: Path) -> Callable[..., Recipe]:
    """The recipe above with some texts replaced."""

    def read(*replaced: tuple[str, str], **settings: str) -> Recipe:
        text = RECIPE
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return read_recipe(path, settings)

    return read
