import pytest
from transformers.utils import logging

from tests.backends.tiny_checkpoints import save_checkpoint
from tests.train.solutions import solutions
from tests.train.trainers import trainer_on

logging.disable_progress_bar()


def curve(trainer) -> list[float]:
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.parametrize("loss", ["bce", "pqm"])
def test_eight_batches_of_one_equal_one_batch_of_eight(tmp_path, loss):
    model = str(save_checkpoint(tmp_path / "tiny", "llama"))
    curves = [
        curve(
            trainer_on(
                solutions(24),
                model,
                tmp_path / f"{size}x{steps}",
                loss=loss,
                batch_size=size,
                accumulation=steps,
                epochs=2,
                log_every=1,
                learning_rate=1e-3,
            )
        )
        for size, steps in ((8, 1), (1, 8), (4, 2))
    ]
    assert len(curves[0]) == 6
    for other in curves[1:]:
        assert other == pytest.approx(curves[0], rel=1e-4)
