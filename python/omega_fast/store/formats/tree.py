"""The openr format `tree`: one row for each question, with its prefixes that have a value as a nested tree.

`{"question", "final_answer", "question_id", "reasoning_steps": {"text", "mc_value", "mc_value_from", "children":
[...]}}`, `mc_value_from` being this package's. The root's text is the question. Below it a node carries its own step
alone, as in the samples openr released, or everything from the root down, as its README says. Which of the two a file
has is found by looking; a tree whose steps would be taken for everything from the root down is written in the latter
form. A tree of more than about 120 levels is too deep to be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from omega_fast.store.artifacts import Artifacts
from omega_fast.store.formats.base import ExportOptions, Format, TreeText
from omega_fast.store.formats.fields import optional_text, share
from omega_fast.store.formats.files import Row
from omega_fast.store.formats.flat import join_question, split_question
from omega_fast.store.formats.labelled import LabelledPrefix, LabelledSolution, along
from omega_fast.store.formats.soft import StateValue, ValueFrom, state_value, value_from

__all__ = ["TREE", "TreeNode", "TreeQuestion"]


@dataclass(frozen=True, slots=True)
class TreeNode:
    """An estimated prefix.

    Attributes:
        step: The text it adds to its parent; empty at the root.
        mc_value: Its value; `None` only at a root that has none.
        children: The estimated prefixes next below it.
        mc_value_from: What `mc_value` is; openr's own rows do not say.
    """

    step: str
    mc_value: float | None
    children: tuple[TreeNode, ...] = ()
    mc_value_from: ValueFrom | None = None


@dataclass(frozen=True, slots=True)
class TreeQuestion:
    """A question with the tree of its estimated prefixes; openr numbers its questions."""

    question: str
    final_answer: str | None
    question_id: str | int
    root: TreeNode


def _project(artifacts: Artifacts, _: ExportOptions) -> Iterator[TreeQuestion]:
    # Nodes without an estimate are left out; what they add to the text goes to the estimated ones below them.
    text: dict[int, str] = {}
    above: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    known = {node.id: state_value(node) for node in artifacts.nodes}
    for node in artifacts.nodes:
        if node.parent is None:
            above[node.id], text[node.id] = node.id, ""
            continue
        parent = above[node.parent]
        if known[node.id] is None:
            above[node.id] = parent
            continue
        above[node.id] = node.id
        text[node.id] = artifacts.prefix(node.id)[len(artifacts.prefix(parent)) :]
        children.setdefault(parent, []).append(node.id)
    built: dict[int, TreeNode] = {}
    for node in reversed(artifacts.nodes):
        if above[node.id] == node.id:
            below = tuple(built[child] for child in children.get(node.id, ()))
            built[node.id] = _node(text[node.id], known[node.id], below)
    question = artifacts.question
    yield TreeQuestion(question.problem, question.answer, question.id, built[artifacts.nodes[0].id])


def _node(step: str, known: StateValue | None, below: tuple[TreeNode, ...]) -> TreeNode:
    return TreeNode(step, None, below) if known is None else TreeNode(step, known.value, below, known.source)


def _to_json(row: TreeQuestion, options: ExportOptions) -> dict[str, Any]:
    root = _root(row, options.text)
    if row.root.children and options.text == "step" and _is_cumulative(row.question, root):
        root = _root(row, "cumulative")
    return {
        "question": row.question,
        "final_answer": row.final_answer,
        "reasoning_steps": root,
        "question_id": row.question_id,
    }


def _root(row: TreeQuestion, text: TreeText) -> dict[str, Any]:
    return {
        "text": row.question,
        **_value_shown(row.root),
        "children": [_shown(child, row.question, "", text) for child in row.root.children],
    }


def _shown(node: TreeNode, question: str, above: str, text: TreeText) -> dict[str, Any]:
    prefix = above + node.step
    return {
        "text": join_question(question, prefix) if text == "cumulative" else node.step,
        **_value_shown(node),
        "children": [_shown(child, question, prefix, text) for child in node.children],
    }


def _value_shown(node: TreeNode) -> dict[str, Any]:
    told = {} if node.mc_value_from is None else {"mc_value_from": node.mc_value_from}
    return {"mc_value": node.mc_value, **told}


def _from_json(row: Row) -> TreeQuestion:
    question, root = row["question"], row["reasoning_steps"]
    if isinstance(root, list):
        raise TypeError("its reasoning_steps are a list")
    if root["text"] != question:
        raise ValueError("the root's text is not the question")
    text: TreeText = "cumulative" if _is_cumulative(question, root) else "step"
    children = tuple(_parsed(child, question, "", text) for child in root["children"])
    return TreeQuestion(
        question,
        optional_text(row, "final_answer"),
        row["question_id"],
        TreeNode("", share(root["mc_value"]), children, value_from(root.get("mc_value_from"))),
    )


def _is_cumulative(question: str, root: Row) -> bool:
    """Whether every text goes on from the text above it."""
    waiting = [(child, question + "\n\n") for child in root["children"]]
    while waiting:
        node, above = waiting.pop()
        if not node["text"].startswith(above):
            return False
        waiting.extend((child, node["text"]) for child in node["children"])
    return True


def _parsed(node: Row, question: str, above: str, text: TreeText) -> TreeNode:
    prefix = split_question(question, node["text"]) if text == "cumulative" else above + node["text"]
    children = tuple(_parsed(child, question, prefix, text) for child in node["children"])
    source = value_from(node.get("mc_value_from"))
    return TreeNode(prefix[len(above) :], share(node["mc_value"]), children, source)


def _to_solutions(rows: Sequence[TreeQuestion]) -> Iterator[LabelledSolution]:
    for row in rows:
        waiting: list[tuple[TreeNode, tuple[LabelledPrefix, ...]]] = [(row.root, ())]
        while waiting:
            node, chain = waiting.pop()
            if not node.children and chain:
                yield along(chain, row.question, answer=row.final_answer, question_id=str(row.question_id))
            above = chain[-1].text if chain else ""
            waiting.extend(
                (child, (*chain, LabelledPrefix(above + child.step, None, child.mc_value)))
                for child in reversed(node.children)
            )


TREE = Format(
    name="tree",
    description="openr: one row for each question, with all estimated prefixes as a nested tree",
    suffixes=(".jsonl", ".json"),
    rows_of=_project,
    to_json=_to_json,
    from_json=_from_json,
    to_solutions=_to_solutions,
)
