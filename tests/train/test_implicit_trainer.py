"""Loss and gradients of implicit process rewards against TRL's DPO trainer and against plain loops."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.backends.tiny_checkpoints import save_checkpoint
from tests.train.test_implicit import outcomes, pairs
from tests.train.trainers import gradients, implicit_trainer_on

BETA = 0.5


@pytest.fixture(scope="module")
def second(tmp_path_factory):
    return str(save_checkpoint(tmp_path_factory.mktemp("second") / "llama", "llama", seed=1))


def moved(trainer):
    """The trainer in the middle of its training: the network is no longer its reference."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for each in trainer.model.parameters():
            if each.requires_grad:
                each.add_(torch.randn(each.shape, generator=generator), alpha=0.02)
    return trainer


def backward(loss, network):
    network.zero_grad()
    loss.backward()
    return loss.item(), {name: each.clone() for name, each in gradients(network).items()}


def same(ours, theirs):
    assert ours[0] == pytest.approx(theirs[0], rel=1e-5)
    assert ours[1].keys() == theirs[1].keys()
    assert sum(each.norm() for each in ours[1].values()) > 0.01
    for name, gradient in ours[1].items():
        torch.testing.assert_close(gradient, theirs[1][name], rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize("reference", ["the model before", "switched off adapters", "a second model"])
def test_preference_and_its_gradients_equal_those_of_trl(tiny, second, tmp_path, reference):
    trl, datasets = pytest.importorskip("trl"), pytest.importorskip("datasets")
    settings = {
        "the model before": {},
        "switched off adapters": {"lora_rank": 4},
        "a second model": {"reference": second},
    }[reference]
    rows = pairs(5)
    ours = implicit_trainer_on(rows, tiny, tmp_path / "ours", objective="dpo", beta=BETA, **settings)
    frozen = None
    if "lora_rank" not in settings:
        frozen = AutoModelForCausalLM.from_pretrained(settings.get("reference", tiny)).eval()
    theirs = trl.DPOTrainer(
        model=ours.model,
        ref_model=frozen,
        args=trl.DPOConfig(
            output_dir=str(tmp_path / "trl"),
            beta=BETA,
            max_length=None,
            use_cpu=True,
            bf16=False,
            report_to="none",
            gradient_checkpointing=False,
        ),
        train_dataset=datasets.Dataset.from_list(rows),
        processing_class=ours.processing_class,
    )
    moved(ours)  # only now: of adapters TRL keeps a copy as they were, which is as if they were off
    # The same tokens for both: TRL would count an end of text
    tokens = [
        {
            "prompt_ids": list(right.ids[: right.start]),
            "chosen_ids": list(right.ids[right.start :]),
            "rejected_ids": list(wrong.ids[wrong.start :]),
        }
        for right, wrong in (item.answers for item in ours.train_dataset)
    ]
    assert len({len(each["chosen_ids"]) for each in tokens}) > 1, "there is padding"
    their_loss = theirs.compute_loss(ours.model, theirs.data_collator(tokens))
    found = backward(their_loss, ours.model)
    assert abs(found[0] - 0.6931472) > 0.01, "the network has moved"
    same(backward(ours.compute_loss(ours.model, ours.data_collator(ours.train_dataset)), ours.model), found)


@pytest.mark.parametrize("lora_rank", [0, 4])
def test_cross_entropy_and_its_gradients_equal_a_loop_over_solutions(tiny, tmp_path, lora_rank):
    ours = moved(
        implicit_trainer_on(outcomes(6), tiny, tmp_path, objective="ce", beta=BETA, lora_rank=lora_rank)
    )
    reference = AutoModelForCausalLM.from_pretrained(tiny).eval()
    total, labels = 0.0, set()
    for item in ours.train_dataset:
        (answer,) = item.answers
        ids = torch.tensor([answer.ids])
        ratio = 0.0
        for sign, network in ((1, ours.model), (-1, reference)):
            told = network(ids).logits[0].log_softmax(-1)
            for at in range(answer.start, len(answer.ids)):
                ratio = ratio + sign * told[at - 1, answer.ids[at]]
        right = 1 / (1 + torch.exp(-BETA * ratio))
        total = total - torch.log(right if item.label else 1 - right)
        labels.add(item.label)
    assert labels == {True, False}
    expected = backward(total / len(ours.train_dataset), ours.model)
    batch = ours.data_collator(ours.train_dataset)
    same(backward(ours.compute_loss(ours.model, batch), ours.model), expected)


@pytest.mark.parametrize("objective", ["ce", "dpo"])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(tiny, tmp_path, objective):
    rows = outcomes(8) if objective == "ce" else pairs(8)
    trainer = moved(implicit_trainer_on(rows, tiny, tmp_path, objective=objective, beta=BETA))
    items = list(trainer.train_dataset)
    units = torch.tensor(len(items))
    found = []
    for parts in ([items], [items[:1], items[1:4], items[4:]]):
        trainer.model.zero_grad()
        for part in parts:
            batch = trainer.data_collator(part)
            trainer.compute_loss(trainer.model, batch, num_items_in_batch=units).backward()
        found.append(torch.cat([each.flatten() for each in gradients(trainer.model).values()]))
    assert (found[0] - found[1]).norm() < 1e-5 * found[0].norm()
