import orjson
import pytest

from omega_fast.errors import InputError
from omega_fast.store import Artifacts
from tests.store.formats.trees import content, node


def test_artifacts_are_the_same_after_json_and_back():
    assert Artifacts.from_json(content()).to_json() == content()
    assert Artifacts.from_json(orjson.dumps(content())) == Artifacts.from_json(content())


def test_soft_draws_and_values_of_a_posterior_survive_and_nodes_without_them_stay_short():
    nodes = content()["nodes"]
    nodes[1] |= {
        "soft": {"n_correct": 3, "n_rollouts": 8},
        "value": {"mean": 0.5, "low": 0.25, "high": 0.75},
    }
    read = Artifacts.from_json({**content(), "nodes": nodes})
    assert (read.node(1).soft.n_correct, read.node(1).value.high) == (3, 0.75)
    assert read.to_json()["nodes"] == nodes
    assert not {"soft", "value"} & read.to_json()["nodes"][2].keys()


def test_a_prefix_is_the_steps_from_the_root_down():
    artifacts = Artifacts.from_json(content())
    assert artifacts.prefix(0) == ""
    assert artifacts.prefix(3) == "a\n\n b\r\n\nwrong"
    assert "".join(step.step for step in artifacts.path(3)) == artifacts.prefix(3)


@pytest.mark.parametrize("missing", ["question", "counts", "nodes", "rollouts", "searches", "finish"])
def test_a_missing_field_is_refused(missing):
    with pytest.raises(InputError, match="not search artifacts"):
        Artifacts.from_json({name: value for name, value in content().items() if name != missing})


def test_an_unknown_field_is_refused():
    with pytest.raises(InputError, match=r"not search artifacts.*colour"):
        Artifacts.from_json({**content(), "colour": "red"})


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff"])
def test_what_is_not_an_object_is_refused(data):
    with pytest.raises(InputError, match="not search artifacts"):
        Artifacts.from_json(data)


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "no root"),
        ([node(0, None, 0, ""), node(0, None, 0, "")], "node 0 comes twice"),
        ([node(0, None, 0, ""), node(1, None, 0, "")], "node 1 comes before its parent"),
        ([node(0, None, 0, ""), node(1, 2, 2, "b"), node(2, 0, 1, "a")], "node 1 comes before its parent 2"),
        ([node(1, 1, 0, "")], "node 1 comes before its parent 1"),
    ],
)
def test_what_is_no_tree_is_refused(nodes, message):
    with pytest.raises(InputError, match=message):
        Artifacts.from_json({**content(), "nodes": nodes})
