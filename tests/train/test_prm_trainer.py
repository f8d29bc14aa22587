import pytest
import torch

from omega_fast.models.prm import PRM
from omega_fast.train.prm_config import Loss
from tests.train.solutions import RIGHT, solution, solutions
from tests.train.trainers import gradients, trainer_on


def test_loss_and_gradients_on_hard_labels_equal_those_of_trl(tiny, tmp_path):
    trl = pytest.importorskip("trl.experimental.prm")
    datasets = pytest.importorskip("datasets")
    given = solutions(6)
    ours = trainer_on(given, tiny, tmp_path / "ours", loss="ce", prompt_template="{problem}", separator="\n")
    rows = [
        {
            "prompt": each.question,
            "completions": [step.removesuffix("\n") for step in each.steps],
            "labels": list(each.hard),
        }
        for each in given
    ]
    theirs = trl.PRMTrainer(
        model=ours.model,
        args=trl.PRMConfig(
            output_dir=str(tmp_path / "trl"),
            step_separator="\n",
            max_length=None,
            use_cpu=True,
            report_to="none",
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=ours.processing_class,
    )
    ours.processing_class.pad_token = ours.processing_class.eos_token
    batch = theirs.data_collator([dict(row) for row in theirs.train_dataset])
    found = ours.data_collator(ours.train_dataset)
    assert torch.equal(batch["attention_mask"], found["attention_mask"])

    their_loss = theirs.compute_loss(ours.model, batch)
    their_loss.backward()
    their_gradients = {name: each.clone() for name, each in gradients(ours.model).items()}
    ours.model.zero_grad()
    our_loss = ours.compute_loss(ours.model, found)
    our_loss.backward()
    torch.testing.assert_close(our_loss, their_loss)
    assert their_gradients.keys() == gradients(ours.model).keys()
    for name, gradient in gradients(ours.model).items():
        torch.testing.assert_close(gradient, their_gradients[name], msg=name)


@pytest.mark.parametrize(
    ("head", "loss"),
    [("token-cls", "bce"), ("token-cls", "ce"), ("value", "bce"), ("value", "mse"), ("ntp", "ce")],
)
def test_a_soft_label_of_three_quarters_pulls_the_score_to_three_quarters(tiny, tmp_path, head, loss):
    given = [solution(1, "+", [0.75])]
    settings = {"head": head, "loss": loss, "labels": "soft", "learning_rate": 3e-3, "epochs": 80}
    if head == "ntp":
        settings |= {"prm_token": "<|end|>", "begin_of_action_token": ""}
    trainer = trainer_on(given, tiny, tmp_path, scheduler="constant", **settings)
    trainer.train()
    (score,) = PRM(trainer.model, trainer.processing_class, trainer.card)("x is 1 . ?", [RIGHT])
    assert score == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("loss", ["bce", "mse", "pqm"])
def test_a_masked_step_and_the_batch_around_a_solution_change_nothing(tiny, tmp_path, loss: Loss):
    given = [solution(1, "+-"), solution(2, "+++-")]
    trainer = trainer_on(given, tiny, tmp_path, loss=loss)
    together = trainer.compute_loss(trainer.model, trainer.data_collator(trainer.train_dataset))
    alone = [
        trainer.compute_loss(trainer.model, trainer.data_collator([item])) for item in trainer.train_dataset
    ]
    counts = [1, 1] if loss == "pqm" else [2, 4]
    expected = sum(a * n for a, n in zip(alone, counts, strict=True)) / sum(counts)
    torch.testing.assert_close(together, expected)


def test_siblings_are_compared_with_one_another(tiny, tmp_path):
    given = [solution(1, "++", [0.9, 0.8]), solution(1, "+-", [0.9, 0.2]), solution(2, "+", [0.5])]
    trainer = trainer_on(given, tiny, tmp_path, loss="pairwise", labels="soft")
    assert len(trainer.train_dataset) == 1
    batch = trainer.data_collator(trainer.train_dataset)
    logits = trainer.model(batch["input_ids"], batch["attention_mask"]).logits
    z = [logits.flatten(0, 1)[batch["ends"][row, 0]] for row in (0, 1)]
    z = [each[1] - each[0] for each in z]
    expected = -0.6 * torch.nn.functional.logsigmoid(z[0] - z[1])
    torch.testing.assert_close(trainer.compute_loss(trainer.model, batch), expected)


def test_balanced_weights_make_both_kinds_count_alike(tiny, tmp_path):
    given = [solution(1, "+++-")]
    trainer = trainer_on(given, tiny, tmp_path, balance=True)
    weights = trainer.data_collator(trainer.train_dataset)["weights"][0].tolist()
    assert weights == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2.0])
