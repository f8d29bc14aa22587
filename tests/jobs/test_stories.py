"""The embedded task told as stories, from questions to labels."""

from omega_fast.jobs.demo import demo
from omega_fast.search.projection import read_artifacts
from omega_fast.tasks.ledger import first_error, gold_answer


def test_a_run_on_stories_labels_lines_in_the_storys_names(tmp_path):
    told = demo(
        output=tmp_path / "run",
        limit=2,
        ledger_skin="story",
        locate="binary",
        num_rollouts=4,
        max_search_count=2,
    )
    assert told.complete
    right = 0
    for found in read_artifacts(tmp_path / "run"):
        problem = found.question.problem
        assert " has " in problem
        names = {words.split()[0] for words in problem.split(" . ")[:2]}
        assert found.question.answer == gold_answer(problem)
        for node in found.nodes:
            lines = "".join(step.step for step in found.path(node.id)).splitlines(keepends=True)
            registers = {line.split()[1] for line in lines if line.count(" ") == 6}
            assert registers <= names, "every line speaks of the story's people"
            right += bool(lines) and lines[-1].startswith("answer") and first_error(problem, lines) == -1
    assert right
