"""The report of a run: one HTML file with its summary and a viewer of search trees, which loads nothing else.

Whatever a model wrote is data in it: escaped JSON that the viewer shows through `textContent` alone, under a
content security policy that lets this style and this script work and nothing besides.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from omega_fast.store import Artifacts
from omega_fast.store.artifacts import Node
from omega_fast.store.files import LocalFileSystem, write_atomically
from omega_fast.store.formats.soft import soft_label

__all__ = ["render_report", "write_report"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>omega_fast report</title>
<style>{style}</style>
</head>
<body>
<main id="report"></main>
<noscript>This report needs JavaScript to show its data.</noscript>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""

_JSON_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def write_report(
    path: Path, artifacts: Iterable[Artifacts], summary: Mapping[str, Any], *, questions: int = 50
) -> None:
    """Write the report of a run to `path`, replacing what is there.

    Args:
        path: The file.
        artifacts: The finished questions.
        summary: What `to_dict` of the run's summary gives.
        questions: At most this many trees are shown, from the start.

    Raises:
        StoreError: If the file cannot be written.
    """
    page = render_report(artifacts, summary, questions=questions)
    write_atomically(LocalFileSystem(), path, page.encode("ascii"))


def render_report(artifacts: Iterable[Artifacts], summary: Mapping[str, Any], *, questions: int = 50) -> str:
    """The report as a page, in ASCII; see `write_report`."""
    shown: list[dict[str, Any]] = []
    total = 0
    for each in artifacts:
        total += 1
        if total <= questions:
            shown.append(_tree(each))
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    data = _as_script({"summary": dict(summary), "total": total, "questions": shown})
    return _PAGE.format(policy=policy, style=style, script=script, data=data)


def _tree(artifacts: Artifacts) -> dict[str, Any]:
    errors = {search.error_node for search in artifacts.searches if search.error_node is not None}
    return {
        "id": artifacts.question.id,
        "problem": artifacts.question.problem,
        "answer": artifacts.question.answer,
        "gold_source": artifacts.gold_source,
        "finish": artifacts.finish,
        "rollouts": artifacts.counts.rollouts,
        "searches": artifacts.counts.searches,
        "located": artifacts.counts.located,
        "nodes": [
            {
                "id": node.id,
                "parent": node.parent,
                "step": node.step,
                "mc": node.mc,
                "right": node.n_correct,
                "judged": node.n_rollouts,
                "soft": _soft(node),
                "value": None if node.value is None else asdict(node.value),
                "hard": node.hard,
                "rule": node.hard_rule,
                "first_error": node.id in errors,
            }
            for node in artifacts.nodes
        ],
    }


def _soft(node: Node) -> dict[str, Any] | None:
    soft = soft_label(node)
    return None if soft is None else asdict(soft)


def _as_script(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the element it stands in: ASCII, and no `<`, `>` or `&`."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).translate(_JSON_ESCAPES)


def _asset(name: str) -> str:
    return (files("omega_fast.report") / name).read_text(encoding="ascii")


def _hash(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
