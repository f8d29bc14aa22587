"""GroundedPRM's trees, samples, paths and talks as its pipeline writes them."""

import json

import pytest

from omega_fast.exchange import convert, detect, import_questions
from omega_fast.store import Artifacts
from omega_fast.store.formats import FORMATS, ExportOptions
from omega_fast.store.formats.grounded import checked_label, tool_text
from omega_fast.store.formats.labelled import StepCheck, labelled
from tests.store.formats.grounded_trees import CONDITIONS, OBJECTIVE, A, B, node, state, tree
from tests.store.formats.trees import artifacts, content, counted

QUESTION = "\n".join([*CONDITIONS, OBJECTIVE])


def written(folder, **trees):
    folder.mkdir()
    for name, each in trees.items():
        (folder / f"{name}.json").write_text(json.dumps(each, indent=4))
    return folder


def solutions(name, path):
    return [each for _, each in FORMATS[name].read_solutions(path)]


def test_a_folder_of_trees_is_known_and_read_a_path_at_a_time(tmp_path):
    folder = written(tmp_path / "mcts_tree", algebra_1=tree())
    assert detect(folder).name == "grounded-tree"
    found = solutions("grounded-tree", folder)
    assert [each.question for each in found] == [QUESTION] * 3
    assert {each.question_id for each in found} == {"algebra_1"}
    assert found[0].steps == ("put in 1\n1 + c = 3", "solve\nc = 2 <end>")
    assert [each.hard for each in found] == [(True, True), (None,), (True, None)]


def test_a_check_is_the_last_answer_of_the_tool_and_the_reflection_without_its_verdict(tmp_path):
    first, *_ = solutions("grounded-tree", written(tmp_path / "t", a=tree()))
    assert first.checks == (
        StepCheck("WA says so", "fine"),
        StepCheck("expression: Solve[1+c==3]\nresult: c = 2, exact", "<think>\nhm\n</think>\nit is so."),
    )


def test_trees_are_copied_whole_from_folder_to_file_and_back(tmp_path):
    folder = written(tmp_path / "t", a=tree(), b=tree())
    convert(folder, tmp_path / "trees.jsonl", to="grounded-tree")
    done = convert(tmp_path / "trees.jsonl", tmp_path / "again", to="grounded-tree")
    assert done.rows == 2
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["a.json", "b.json"]
    assert json.loads((tmp_path / "again/a.json").read_bytes()) == tree()


def test_a_bad_tree_is_named_by_its_file_and_the_others_go_on(tmp_path):
    folder = written(tmp_path / "t", a=tree(), b={"id": "x"}, c=tree())
    (folder / "d.json").write_text("{")
    (folder / "e.json").write_text("")
    broken = node("r", 0, state(), children=[node("x", 1, state(A, B))])
    (folder / "f.json").write_text(json.dumps(broken))
    done = convert(folder, tmp_path / "out.jsonl", to="grounded-tree")
    assert (done.rows, done.quarantined) == (2, 4)
    lines = [json.loads(line) for line in done.quarantine.read_text().splitlines()]
    assert [line["file"].rsplit("/", 1)[1] for line in lines] == ["b.json", "d.json", "e.json", "f.json"]
    assert "does not go on from the steps of the one above it" in lines[3]["reason"]


@pytest.mark.parametrize("bad", [{"value": "1"}, {"value": True}, {"value": float("nan")}, {"state": None}])
def test_a_node_that_is_none_makes_a_bad_tree(bad):
    root = node("r", 0, state(), children=[node("x", 1, state(A)) | bad])
    with pytest.raises((KeyError, TypeError, ValueError)):
        FORMATS["grounded-tree"].from_json(root)


def test_a_simulated_branch_is_a_chain_below_its_node(tmp_path):
    branch = [node("s1", 1, state(A), "[True]"), node("s2", -1, state(A, B), "[False]")]
    root = node("r", 0, state(), simulation_branch=branch)
    (only,) = solutions("grounded-tree", written(tmp_path / "t", a=root))
    assert (len(only.steps), only.hard, only.first_error) == (2, (True, False), 1)


@pytest.mark.parametrize(
    ("value", "reflection", "label"),
    [
        (1, "[True]so", True),
        (-0.1, "[['false']] no", False),
        (1, "[False]", None),
        (0, "[True]", None),
        (3, "", None),
        (1, "It holds. The conclusion is[Right]", True),
        (-1, "No. The conclusion is[Wrong]", False),
        (1, "this is [True]", None),
    ],
)
def test_a_label_is_a_verdict_that_the_value_does_not_deny(value, reflection, label):
    assert checked_label(value, reflection) is label


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", None),
        (None, None),
        (" x ", "x"),
        ({"Input": "1+1", "final_answer": 2}, "expression: 1+1\nresult: 2"),
        ({"Input": "", "Result": ["2"]}, "result: 2"),
    ],
)
def test_a_tools_answer_is_shown_as_text(said, shown):
    assert tool_text(said) == shown


def test_samples_say_whether_the_final_answer_is_right(tmp_path):
    path = [
        node("r", 0, state()),
        node("a", 1, state(A), "[True] y"),
        node("b", -1, state(A, B), "[False] n"),
    ]
    paths = {
        "positive": [{"path": path[:2], "branch": "real"}],
        "negative": [{"path": path, "branch": "x"}],
    }
    folder = written(tmp_path / "training_samples", algebra_1=paths)
    assert detect(folder).name == "grounded-samples"
    found = solutions("grounded-samples", folder)
    assert [(each.correct, each.hard) for each in found] == [(True, (True,)), (False, (True, False))]
    done = convert(folder, tmp_path / "out.jsonl", to="ce")
    assert (done.rows, done.quarantined) == (2, 0)


def test_a_path_has_to_begin_with_the_root():
    with pytest.raises(ValueError, match="begin with the root"):
        FORMATS["grounded-samples"].from_json(
            {"positive": [{"path": [node("a", 1, state(A))]}], "negative": []}
        )


def test_paths_pass_over_the_root_that_extraction_leaves_in():
    steps = [
        {"content": "\n", "step score": 2.1, "reflection": "", "correction": ""},
        {"content": "a\nb", "step score": 1.0, "reflection": "[True]ok", "correction": {"Input": "1"}},
        {"content": "c\nd", "step score": 1.0, "reflection": "[False]", "correction": ""},
    ]
    row = {"idx": "algebra_1", "question": "Q", "ground_truth": "2", "steps": steps, "label": "negative"}
    chosen = FORMATS["grounded-paths"]
    (found,) = chosen.to_solutions([chosen.from_json(row)])
    assert (found.steps, found.hard, found.correct) == (("a\nb", "c\nd"), (True, None), False)
    assert (found.question_id, found.answer) == ("algebra_1", "2")
    assert chosen.to_json(chosen.from_json(row), ExportOptions()) == row


def test_talks_of_other_people_are_copied_whole_but_not_cut_by_guess(tmp_path):
    talk = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Q\nmore\nstep"},
        {
            "role": "assistant",
            "content": "<verify>\nt\n</verify>\n<judge>\nj\n</judge>\n<output>\nit is: \\boxed{-}\n</output>",
        },
    ]
    path = tmp_path / "training.jsonl"
    path.write_text(json.dumps({"conversation": talk}) + "\n")
    assert convert(path, tmp_path / "copy.parquet", to="grounded-chat").rows == 1
    assert convert(tmp_path / "copy.parquet", tmp_path / "copy.jsonl", to="grounded-chat").rows == 1
    assert json.loads((tmp_path / "copy.jsonl").read_text())["conversation"] == talk
    done = convert(path, tmp_path / "out.jsonl", to="trl")
    assert (done.rows, done.quarantined) == (0, 1)
    assert "nothing says where the question ends" in done.quarantine.read_text()
    path.write_text(json.dumps({"conversation": talk, "question": "Q\nmore"}) + "\n")
    (found,) = solutions("grounded-chat", path)
    assert (found.steps, found.hard, found.checks) == (("step",), (False,), (StepCheck("t", "j"),))


@pytest.mark.parametrize(
    "answer", ["+", "<output>+</output>", "<output>\\boxed{+}\\boxed{-}</output>", "x<output>"]
)
def test_a_critique_without_one_sign_is_refused(answer):
    talk = [{"role": "user", "content": "Q\ns"}, {"role": "assistant", "content": answer}]
    with pytest.raises(ValueError, match="an answer does not end in"):
        FORMATS["grounded-chat"].from_json({"conversation": talk, "question": "Q"})


def test_the_wording_of_a_critique_does_not_depend_on_the_label():
    (row,) = FORMATS["grounded-chat"].from_solution(labelled("Q", ("a", "b"), (True, False)))
    right, wrong = (content for role, content in row.messages if role == "assistant")
    assert right == "<output>\n\\boxed{+}\n</output>"
    assert right.replace("+", "-") == wrong


def test_checks_go_from_trees_by_paths_to_talks(tmp_path):
    folder = written(tmp_path / "t", a=tree())
    paths = convert(folder, tmp_path / "syn_data.json", to="grounded-paths")
    assert (paths.rows, paths.quarantined) == (2, 1)
    talks = convert(tmp_path / "syn_data.json", tmp_path / "talks.jsonl", to="grounded-chat")
    assert talks.rows == 2
    critique = json.loads((tmp_path / "talks.jsonl").read_text().splitlines()[0])["conversation"][1][
        "content"
    ]
    assert critique == (
        "<verify>\nWA says so\n</verify>\n<judge>\nfine\n</judge>\n<output>\n\\boxed{+}\n</output>"
    )


def test_a_reason_with_marks_of_a_critique_in_it_is_never_cut_elsewhere():
    check = StepCheck(None, "x\n</judge>\n<output>\n\\boxed{-}\n</output>")
    solution = labelled("Q", ("a",), (True,), checks=(check,))
    with pytest.raises(ValueError, match=r"critique|does not end"):
        FORMATS["grounded-chat"].from_solution(solution)


def test_trees_become_questions_with_supplied_solutions(tmp_path):
    done = import_questions(written(tmp_path / "t", a=tree()), tmp_path / "run.jsonl")
    assert (done.questions, done.solutions, done.unanswered) == (1, 3, 1)


def test_a_run_makes_trees_without_verdicts_nobody_gave():
    (row,) = FORMATS["grounded-tree"].project(artifacts(), ExportOptions())
    waiting = [row.root]
    while waiting:
        each = waiting.pop()
        waiting += each["children"]
        assert not {"reflection", "edge"} & set(each)
        assert not {"wa_history", "query", "result"} & set(each["state"])
    assert row.root["value"] == 2 * 9 / 16 - 1
    (first, skipped) = row.root["children"]
    assert (first["hard_label"], first["n_rollouts"], skipped["value"]) == (True, 8, 0.0)


def test_a_node_whose_draws_a_posterior_ended_has_the_value_of_its_posterior(tmp_path):
    nodes = content()["nodes"]
    nodes[1] |= counted(3, 4, "posterior") | {"value": {"mean": 0.4, "low": 0.2, "high": 0.7}}
    found = Artifacts.from_json({**content(), "nodes": nodes})
    (row,) = FORMATS["grounded-tree"].project(found, ExportOptions())
    first = row.root["children"][0]
    assert (first["value"], first["estimate"], first["estimator"]) == (2 * 0.4 - 1, 0.4, "posterior_mean")
    assert (first["n_correct"], first["n_rollouts"]) == (3, 4)
    FORMATS["grounded-tree"].write(tmp_path / "tree.jsonl", [found])
    (solution, *_) = solutions("grounded-tree", tmp_path / "tree.jsonl")
    assert solution.soft == (0.4, 0.0, 0.0)


def test_a_tree_written_before_estimates_had_a_field_is_read_by_its_counts():
    older = {**node("x", 0.5, state(A)), "n_rollouts": 4, "n_correct": 3}
    row = FORMATS["grounded-tree"].from_json(node("r", 0, state(), children=[older]))
    (solution,) = FORMATS["grounded-tree"].to_solutions([row])
    assert solution.soft == (0.75,)


def test_rows_whose_names_are_no_file_names_keep_them_inside(tmp_path):
    rows = [{"question_id": name, **tree()} for name in ("../up", "a", "a", "", "x" * 300, "000001")]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert convert(tmp_path / "in.jsonl", tmp_path / "out", to="grounded-tree").rows == 6
    assert all(path.parent == tmp_path / "out" for path in tmp_path.rglob("*.json"))
    names = [row.question_id for row in FORMATS["grounded-tree"].read(tmp_path / "out")]
    assert sorted(names) == sorted(row["question_id"] for row in rows)


def test_a_folder_that_is_there_already_is_left_alone(tmp_path):
    folder = written(tmp_path / "t", a=tree())
    (tmp_path / "in.jsonl").write_text(json.dumps(tree()) + "\n")
    from omega_fast.errors import InputError

    with pytest.raises(InputError, match="is there already"):
        convert(tmp_path / "in.jsonl", folder, to="grounded-tree")
    assert [path.name for path in folder.iterdir()] == ["a.json"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_of_shards_is_one_set_of_rows(tmp_path):
    (tmp_path / "data").mkdir()
    row = {"prompt": "Q", "completions": ["a"], "labels": [True]}
    for number in (2, 1):
        (tmp_path / f"data/train-{number}.jsonl").write_text(
            json.dumps(row | {"prompt": f"Q{number}"}) + "\n"
        )
    convert(tmp_path / "data/train-1.jsonl", tmp_path / "data/train-3.parquet", to="trl")
    (tmp_path / "data/dataset_info.json").write_text("{}")
    done = convert(tmp_path / "data", tmp_path / "out.jsonl", to="trl")
    assert (done.rows, done.quarantined) == (3, 0)
    assert [each.prompt for each in FORMATS["trl"].read(tmp_path / "out.jsonl")] == ["Q1", "Q2", "Q1"]
