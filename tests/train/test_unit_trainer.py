import pytest
import torch

from omega_fast.errors import ConfigError
from omega_fast.train.implicit import run_implicit_training
from omega_fast.train.implicit_config import implicit_config
from omega_fast.train.prm import run_training
from omega_fast.train.prm_config import prm_config
from tests.train.solutions import RIGHT, solutions
from tests.train.test_implicit import outcomes

FAST = {"device": "cpu", "validation": 0.0, "log_every": 1}


def trained(kind, tiny, folder, evaluate, **settings):
    settings = {"model": tiny, **FAST, **settings}
    if kind == "implicit":
        return run_implicit_training(outcomes(16), implicit_config(**settings), folder, evaluate=evaluate)
    return run_training(solutions(16), prm_config(labels="hard", **settings), folder, evaluate=evaluate)


@pytest.mark.parametrize("kind", ["prm", "implicit"])
def test_a_judge_that_gives_no_numbers_by_name_is_refused(tiny, tmp_path, kind):
    with pytest.raises(ConfigError, match="evaluate gave a float") as refused:
        trained(kind, tiny, tmp_path / "prm", lambda prm: prm("x is 9 . ?", [RIGHT])[0], epochs=1)
    assert "numbers by name" in refused.value.hint


@pytest.mark.parametrize("kind", ["prm", "implicit"])
def test_a_judge_sees_the_model_as_it_is_and_changes_nothing(tiny, tmp_path, kind):
    def judge(prm):
        torch.rand(3)
        return {"right": prm("x is 9 . ?", [RIGHT])[0]}

    plain = trained(kind, tiny, tmp_path / "plain", None, epochs=2)
    judged = trained(kind, tiny, tmp_path / "judged", judge, epochs=2)
    told = [entry["eval_right"] for entry in judged.record["log"] if "eval_right" in entry]
    assert len(told) == 2
    assert told[-1] == pytest.approx(judged.prm("x is 9 . ?", [RIGHT])[0], abs=1e-6)
    curves = [[entry["loss"] for entry in each.record["log"] if "loss" in entry] for each in (plain, judged)]
    assert curves[1] == pytest.approx(curves[0], rel=1e-6)
