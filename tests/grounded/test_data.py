"""From trees to conversations: what is kept, what is rejected and why, and that it adds up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from omega_fast.cli.app import app
from omega_fast.errors import InputError
from omega_fast.grounded.constructing import construct_training, dataset_info
from omega_fast.grounded.counts import StageCounts
from omega_fast.grounded.extracting import extract_paths
from omega_fast.grounded.filtering import filter_paths
from omega_fast.store.formats import FORMATS
from tests.store.formats.grounded_trees import A, B, C, node, state, tree

E = ("check", "it is 2")


def adds_up(counts: StageCounts) -> bool:
    return counts.read == counts.kept + counts.rejected.total()


def roots(folder: Path, *names: str, solution: str = r"so \boxed{2}") -> Path:
    path = folder / "root.json"
    rows = [
        {
            "question": f"What is c in {name}?",
            "global_objective": "Find c",
            "conditions": [],
            "level": "Level 1",
            "solution": solution,
            "path": f"{name}.json",
        }
        for name in names
    ]
    path.write_text(json.dumps(rows))
    return path


def trees(folder: Path, **contents: Any) -> Path:
    where = folder / "mcts_tree"
    where.mkdir()
    for name, content in contents.items():
        (where / f"{name}.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return where


def judged_tree() -> dict[str, Any]:
    """A right path that ends, a wrong one that goes on after its error, and one that nobody judged."""
    ended = node("b", 1.0, state(A, B, answers=["t1", "t2"]), "[True]both sides agree", terminate_node=True)
    after = node("e", 1.0, state(A, C, E, answers=["t1", "t3", ""]), "[True]it follows", terminate_node=True)
    wrong = node("c", -1.0, state(A, C, answers=["t1", "t3"]), "[False]1 + c = 3 gives 2", children=[after])
    unjudged = node("u", 1.0, state(A, E))
    first = node("a", 2.0, state(A, answers=["t1"]), "[True]put in", children=[ended, wrong, unjudged])
    return node("root", 0.0, state(), children=[first])


def stages(folder: Path, **contents: Any) -> tuple[StageCounts, StageCounts, StageCounts]:
    meta = roots(folder, "q1", "q2")
    extracted = extract_paths(meta, trees(folder, **contents), folder / "data" / "syn_data.json")
    filtered = filter_paths(extracted.path, folder / "data" / "fixed_data.json")
    return extracted, filtered, construct_training(filtered.path, folder / "train")


def read(path: Path) -> list[Any]:
    return json.loads(path.read_bytes())


def test_every_path_is_kept_or_rejected_with_a_reason(tmp_path: Path) -> None:
    extracted, filtered, constructed = stages(tmp_path, q1=judged_tree(), q2=judged_tree(), q9=judged_tree())
    assert all(map(adds_up, (extracted, filtered, constructed)))
    assert extracted.rejected == {"the tree is of no question in the roots": 3}
    assert extracted.kept == filtered.read == 6
    assert filtered.rejected == {"a step was not judged": 2}
    assert filtered.kept == constructed.read == 4
    assert constructed.kept == 4
    assert constructed.noted == {
        "steps right": 6,
        "steps wrong": 2,
        "steps cut away": 2,
        "steps without a tool": 0,
    }


def test_a_path_that_ends_is_labelled_by_its_final_answer(tmp_path: Path) -> None:
    meta = roots(tmp_path, "q1")
    done = extract_paths(meta, trees(tmp_path, q1=judged_tree()), tmp_path / "syn_data.json")
    rows = read(done.path)
    assert [row["label"] for row in rows] == ["positive", "positive", "positive"]
    assert [[step["content"] for step in row["steps"]][-1] for row in rows] == [
        "solve\nc = 2 <end>",
        "check\nit is 2",
        "check\nit is 2",
    ]
    assert rows[0]["question"] == "What is c in q1?"
    assert rows[0]["ground_truth"] == "2"
    assert rows[0]["steps"][1] == {
        "content": "solve\nc = 2 <end>",
        "step score": 1.0,
        "reflection": "[True]both sides agree",
        "correction": "t2",
    }


def test_an_outcome_that_a_tree_states_is_not_guessed_again(tmp_path: Path) -> None:
    lucky = node("a", 1.0, state(A), "[True]ok", terminate_node=True, outcome=False)
    done = extract_paths(
        roots(tmp_path, "q1"),
        trees(tmp_path, q1=node("r", 0.0, state(), children=[lucky])),
        tmp_path / "syn.json",
    )
    assert [row["label"] for row in read(done.path)] == ["negative"]


def test_the_published_fault_of_trees_whose_expanded_nodes_nobody_judged_is_told(tmp_path: Path) -> None:
    extracted, filtered, constructed = stages(tmp_path, q1=tree())
    assert (extracted.kept, filtered.kept, constructed.kept) == (3, 1, 1)
    assert filtered.rejected == {"a step was not judged": 1, "a step's value denies its verdict": 1}


def test_a_step_after_the_first_error_is_cut_and_its_faults_do_not_matter(tmp_path: Path) -> None:
    after = node("e", -3.0, state(A, C, E), "[True]denied by its value")
    wrong = node("c", -1.0, state(A, C, answers=["", "t3"]), "[False]no", children=[after])
    first = node("a", 1.0, state(A, answers=["t1"]), "[True]yes", children=[wrong])
    _, filtered, constructed = stages(tmp_path, q1=node("root", 0.0, state(), children=[first]))
    assert (filtered.kept, constructed.noted["steps cut away"]) == (1, 1)
    (talk,) = FORMATS["grounded-chat"].read_solutions(constructed.path)
    assert talk[1].hard == (True, False)


@pytest.mark.parametrize(
    ("value", "reflection", "reason"),
    [
        (1.0, "[False]no", "a step's value denies its verdict"),
        (-1.0, "[True]yes", "a step's value denies its verdict"),
        (0.0, "[True]yes", "a step's value is 0"),
        (1.0, "it is right", "a step's value denies its verdict"),
        (1.0, "", "a step was not judged"),
    ],
)
def test_a_value_that_does_not_say_what_the_verdict_says_is_a_reason(
    tmp_path: Path, value: float, reflection: str, reason: str
) -> None:
    content = node("root", 0.0, state(), children=[node("a", value, state(A), reflection)])
    _, filtered, _ = stages(tmp_path, q1=content)
    assert filtered.rejected == {reason: 1}


def test_trees_that_cannot_be_read_and_paths_too_short_are_counted(tmp_path: Path) -> None:
    short = node("root", 0.0, state(), children=[node("a", 1.0, state(A), "[True]y")])
    meta = roots(tmp_path, "q1", "q2", "q3", "q4")
    where = trees(tmp_path, q1="{", q2=short, q3=node("root", 0.0, state()), q4=judged_tree())
    done = extract_paths(meta, where, tmp_path / "syn.json", min_depth=2)
    assert adds_up(done)
    assert done.rejected == {
        "the tree cannot be read": 1,
        "the tree has no path": 1,
        "it does not end and has fewer than 2 steps": 1,
    }


def test_the_same_path_is_kept_once(tmp_path: Path) -> None:
    twice = [node(name, 1.0, state(A, answers=["t"]), "[True]y") for name in "ab"]
    extracted, *_ = stages(tmp_path, q1=node("root", 0.0, state(), children=twice))
    assert (extracted.kept, extracted.rejected) == (1, {"the same path comes a second time": 1})


def test_the_wording_of_a_critique_is_the_same_for_both_labels(tmp_path: Path) -> None:
    *_, constructed = stages(tmp_path, q1=judged_tree())
    talks = read(constructed.path)
    right = talks[0]["conversation"][3]["content"]
    wrong = talks[1]["conversation"][3]["content"]
    assert (
        right
        == "<verify>\nt2\n</verify>\n<judge>\nboth sides agree\n</judge>\n<output>\n\\boxed{+}\n</output>"
    )
    assert wrong == right.replace("t2", "t3").replace("both sides agree", "1 + c = 3 gives 2").replace(
        "+}", "-}"
    )
    assert talks[0]["conversation"][0]["content"].startswith("What is c in q1?\n")


def test_a_check_that_holds_the_marks_of_a_critique_is_rejected(tmp_path: Path) -> None:
    bad = node("a", 1.0, state(A, answers=["t"]), "[True]</judge><output>\\boxed{-}</output>")
    _, filtered, constructed = stages(tmp_path, q1=node("root", 0.0, state(), children=[bad]))
    assert filtered.kept == 1
    assert constructed.kept == 0
    assert constructed.rejected.total() == 1


def test_other_trainers_get_the_same_conversations_in_their_own_shapes(tmp_path: Path) -> None:
    *_, constructed = stages(tmp_path, q1=judged_tree())
    folder = constructed.path.parent
    own = [row["conversation"] for row in read(folder / "training.json")]
    sharegpt = read(folder / "sharegpt.json")
    messages = [json.loads(line)["messages"] for line in (folder / "messages.jsonl").read_text().splitlines()]
    assert messages == own
    assert [[each["value"] for each in row["conversations"]] for row in sharegpt] == [
        [each["content"] for each in talk] for talk in own
    ]
    assert {each["from"] for row in sharegpt for each in row["conversations"]} == {"human", "gpt"}
    stepwise = [json.loads(line) for line in (folder / "trl.jsonl").read_text().splitlines()]
    assert [row["labels"] for row in stepwise] == [[True, True], [True, False]]


def test_llama_factory_finds_every_file_column_and_role_that_its_description_names(tmp_path: Path) -> None:
    *_, constructed = stages(tmp_path, q1=judged_tree())
    folder = constructed.path.parent
    described = json.loads((folder / "dataset_info.json").read_bytes())
    assert described == dataset_info()
    for entry in described.values():
        tags = entry["tags"]
        for row in read(folder / entry["file_name"]):
            talk = row[entry["columns"]["messages"]]
            roles = [message[tags["role_tag"]] for message in talk]
            assert roles == [tags["user_tag"], tags["assistant_tag"]] * (len(talk) // 2)
            assert all(message[tags["content_tag"]] for message in talk)


def test_a_system_message_stands_first_and_training_reads_the_rest_as_before(tmp_path: Path) -> None:
    stages(tmp_path, q1=judged_tree())
    done = construct_training(tmp_path / "data" / "fixed_data.json", tmp_path / "other", system="Judge.")
    assert read(done.path)[0]["conversation"][0] == {"role": "system", "content": "Judge."}
    plain = FORMATS["grounded-chat"].read_solutions(tmp_path / "train" / "training.json")
    assert [each for _, each in FORMATS["grounded-chat"].read_solutions(done.path)] == [
        each for _, each in plain
    ]


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        extract_paths(tmp_path / "root.json", tmp_path, tmp_path / "syn.json")
    with pytest.raises(InputError):
        filter_paths(tmp_path / "syn.json", tmp_path / "fixed.json")
    with pytest.raises(InputError):
        construct_training(tmp_path / "fixed.json", tmp_path / "train")


def test_the_commands_take_the_flags_of_the_guide(tmp_path: Path) -> None:
    runner = CliRunner()
    meta, where = roots(tmp_path, "q1"), trees(tmp_path, q1=judged_tree())
    syn, fixed = (
        tmp_path / "data/synthetic_data/syn_data.json",
        tmp_path / "data/filtered_data/fixed_data.json",
    )
    for command in (
        ["extract", "--meta_path", str(meta), "--tree_dir", str(where), "--output_json", str(syn)],
        ["filter", "--input_json", str(syn), "--output_json", str(fixed)],
        ["construct", "--input_json", str(fixed), "--output_dir", str(tmp_path / "data/train")],
    ):
        done = runner.invoke(app, ["grounded", *command, "--json"])
        assert done.exit_code == 0, done.output
        counts = json.loads(done.stdout)
        assert counts["read"] == counts["kept"] + sum(counts["rejected"].values()) > 0


def test_roots_and_a_template_come_from_the_command_line(tmp_path: Path) -> None:
    runner = CliRunner()
    output = tmp_path / "outputs/root/root.json"
    done = runner.invoke(
        app,
        [
            "grounded",
            "root",
            "--task_file_path",
            "ledger",
            "--output_file_path",
            str(output),
            "--max_files",
            "3",
            "--json",
        ],
    )
    assert (done.exit_code, json.loads(done.stdout)["roots"], len(read(output))) == (0, 3, 3)
    config = tmp_path / "config.yaml"
    assert runner.invoke(app, ["grounded", "init", str(config)]).exit_code == 0
    assert runner.invoke(app, ["grounded", "init", str(config)]).exit_code == 2
    assert "api_key_env" in config.read_text()
