"""Labelled solutions and small search trees, drawn by hypothesis: any Unicode text, any labels."""

from typing import Any

from hypothesis import strategies as st

from omega_fast.store import Artifacts
from omega_fast.store.formats import LabelledSolution
from tests.store.formats.trees import node, rollout

ODD = st.sampled_from(
    ["ки", "<extra_0>", "Step 1: ", " +", "\n\n", "\r", "\u2028", '"', ",", "\0", "π", "😀", " "]
)
TEXT = st.lists(st.one_of(st.text(max_size=6), ODD), max_size=4).map("".join)
STEP = TEXT.filter(bool)
SHARE = st.floats(0, 1)


@st.composite
def solutions(draw: st.DrawFn) -> LabelledSolution:
    steps = tuple(draw(st.lists(TEXT, max_size=5)))
    count = len(steps)
    return LabelledSolution(
        question=draw(TEXT),
        steps=steps,
        hard=tuple(
            draw(st.lists(st.sampled_from([True, True, False, None]), min_size=count, max_size=count))
        ),
        soft=tuple(draw(st.lists(st.none() | SHARE, min_size=count, max_size=count))),
        answer=draw(st.none() | TEXT),
        question_id=draw(st.none() | TEXT),
        source=draw(TEXT),
        correct=draw(st.none() | st.booleans()),
    )


@st.composite
def trees(draw: st.DrawFn) -> Artifacts:
    nodes: list[dict[str, Any]] = [node(0, None, 0, "", hard=True, hard_rule="mc")]
    for number in range(1, draw(st.integers(2, 7))):
        above = nodes[draw(st.integers(0, number - 1))]
        judged = draw(st.integers(0, 4))
        right = draw(st.integers(0, judged))
        estimate = {"n_correct": right, "n_rollouts": judged, "mc": right / judged} if judged else {}
        hard = draw(st.sampled_from([True, False, None]))
        rule = draw(st.sampled_from(["fixed", "first_success", "posterior"]))
        mean = draw(st.none() | SHARE)
        value = {} if mean is None else {"value": {"mean": mean, "low": mean, "high": mean}}
        nodes.append(
            node(
                number,
                above["id"],
                above["depth"] + 1,
                draw(STEP),
                hard=hard,
                stopping_rule=rule,
                **estimate,
                **value,
            )
        )
    wrong = [each["id"] for each in nodes[1:] if each["hard"] is False]
    texts = st.sampled_from(["correct", "wrong", "no_answer", "truncated", "timeout"])
    rollouts = [rollout(index, 0, draw(TEXT), draw(texts)) for index in range(draw(st.integers(0, 5)))]
    rollouts += [
        rollout(100 + each["id"], each["parent"], each["step"], "correct")
        for each in nodes[1:]
        if each["hard"]
    ]
    searches = [
        {
            "index": index,
            "node": 0,
            "rollout": index,
            "probes": [],
            "outcome": "located",
            "reason": None,
            "right_node": 0,
            "error_node": error,
            "error_step": 0,
        }
        for index, error in enumerate(wrong)
    ]
    return Artifacts.from_json(
        {
            "question": {"id": draw(TEXT), "problem": draw(TEXT), "answer": draw(st.none() | TEXT)},
            "gold_source": "given",
            "finish": "budget",
            "counts": dict.fromkeys(
                ("rollouts", "tokens", "searches", "located", "excluded", "retokenised"), 0
            ),
            "nodes": nodes,
            "rollouts": rollouts,
            "searches": searches,
        }
    )
