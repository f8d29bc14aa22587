"""Training on packed trees: the losses and gradients of training on rows."""

from __future__ import annotations

import pytest
import torch

from omega_fast.errors import ConfigError
from omega_fast.store.formats.labelled import labelled
from omega_fast.train.batches import Pack
from omega_fast.train.packed import drawn_for, packs_of
from omega_fast.train.prm_trainer import PrmTrainer
from tests.train.packing.trees import trees
from tests.train.solutions import RIGHT, WRONG
from tests.train.trainers import gradients, trainer_on

CPU = torch.device("cpu")
LOSSES = {
    "bce": {},
    "ce": {},
    "mse": {},
    "progress": {},
    "relative-progress": {},
    "pqm": {"labels": "hard"},
    "pairwise": {"labels": "soft"},
}


def found_on(trainer: PrmTrainer, batches: list, updates: int = 1) -> tuple[float, torch.Tensor]:
    """Loss and gradient of one update over some batches, accumulated as transformers does."""
    collated = [trainer.data_collator(batch) for batch in batches]
    units = torch.tensor(sum(int((each["labels"] == 0).sum()) for each in collated))
    trainer.model.zero_grad()
    total = 0.0
    for batch in collated:
        loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=units)
        loss.backward()
        total += loss.item()
    return total, torch.cat([each.flatten() for each in gradients(trainer.model).values()])


def same(packed: tuple[float, torch.Tensor], rows: tuple[float, torch.Tensor]) -> None:
    assert rows[1].norm() > 0
    assert packed[0] == pytest.approx(rows[0], rel=1e-5)
    assert (packed[1] - rows[1]).norm() <= 1e-5 * rows[1].norm()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_and_gradients_of_packs_are_those_of_rows(tiny, tmp_path, loss, attention) -> None:
    settings = {"loss": loss, "labels": "soft", "attention": attention, "batch_size": 4, **LOSSES[loss]}
    trainer = trainer_on(trees(6), tiny, tmp_path, **settings)
    packs, saved = packs_of(trainer.train_dataset, trainer.settings)
    assert saved.gain > 1.2
    assert len(packs) > 1, "the batch has packs of different lengths"
    same(found_on(trainer, [packs]), found_on(trainer, [trainer.train_dataset]))


@pytest.mark.parametrize("loss", ["bce", "pqm", "pairwise"])
def test_accumulated_packs_give_the_gradient_of_one_batch_of_rows(tiny, tmp_path, loss) -> None:
    trainer = trainer_on(trees(), tiny, tmp_path, loss=loss, **{"labels": "soft", **LOSSES[loss]})
    packs, _ = packs_of(trainer.train_dataset, trainer.settings)
    same(found_on(trainer, [[pack] for pack in packs]), found_on(trainer, [trainer.train_dataset]))


def test_adapters_get_the_gradients_of_rows(tiny, tmp_path) -> None:
    pytest.importorskip("peft")
    trainer = trainer_on(trees(), tiny, tmp_path, labels="soft", lora_rank=4)
    with torch.no_grad():
        for name, each in trainer.model.named_parameters():
            if "lora_B" in name:
                each.normal_()
    packs, _ = packs_of(trainer.train_dataset, trainer.settings)
    same(found_on(trainer, [packs]), found_on(trainer, [trainer.train_dataset]))


@pytest.mark.parametrize("head", ["token-cls", "value"])
@pytest.mark.parametrize("balance", [False, True])
def test_states_that_count_once_do_so_packed_as_in_rows(tiny, tmp_path, head, balance) -> None:
    given = trees()
    trainer = trainer_on(
        given, tiny, tmp_path, labels="soft", state_weights="once", head=head, balance=balance
    )
    packs, _ = packs_of(trainer.train_dataset, trainer.settings)
    states = {
        (each.solution.question, each.solution.steps[:at])
        for each in given
        for at in range(1, len(each.solution.steps) + 1)
        if each.solution.soft[at - 1] is not None
    }
    assert int((trainer.data_collator(packs)["labels"] == 0).sum()) == len(states)
    same(found_on(trainer, [packs]), found_on(trainer, [trainer.train_dataset]))


def test_states_on_several_paths_count_once_or_on_each(tiny, tmp_path) -> None:
    steps = [[RIGHT, RIGHT], [RIGHT, WRONG]]
    given = [labelled("q", path, [True, path[1] == RIGHT], [0.5, 1.0]) for path in steps]
    weights = {}
    for kind in ("paths", "once"):
        trainer = trainer_on(given, tiny, tmp_path / kind, labels="soft", state_weights=kind)
        batch = trainer.data_collator(packs_of(trainer.train_dataset, trainer.settings)[0])
        weights[kind] = {}
        for position, weight in zip(
            batch["ends"].flatten().tolist(), batch["weights"].flatten().tolist(), strict=True
        ):
            weights[kind][position] = weights[kind].get(position, 0.0) + weight
    shared, *leaves = sorted(weights["paths"])
    assert weights["paths"] == {shared: 2.0, **dict.fromkeys(leaves, 1.0)}
    assert weights["once"] == dict.fromkeys([shared, *leaves], 1.0)


def test_a_state_that_counts_once_has_the_mean_of_its_labels(tiny, tmp_path) -> None:
    given = [labelled("q", [RIGHT, WRONG], [True, False]), labelled("q", [RIGHT, RIGHT], [False, False])]
    trainer = trainer_on(given, tiny, tmp_path, state_weights="once")
    targets = [item.sequences[0].targets for item in trainer.train_dataset]
    assert targets == [(0.5, 0.0), (None, 0.0)]


def test_batches_hold_as_many_solutions_packed_as_in_rows(tiny, tmp_path) -> None:
    trainer = trainer_on(
        trees(8, 12), tiny, tmp_path, labels="soft", pack="on", batch_size=16, pack_tokens=60
    )
    drawn = drawn_for(trainer.train_dataset, trainer.model, trainer.settings, CPU)
    packs = drawn.data
    assert all(isinstance(pack, Pack) and len(pack.layout) <= 60 for pack in packs)
    assert sum(len(pack.items) for pack in packs) == len(trainer.train_dataset)
    solutions = drawn.batch_size * len(trainer.train_dataset) / len(packs)
    assert 12 <= solutions <= 20
    assert "fewer" in drawn.said


def test_auto_takes_rows_where_nothing_is_shared_and_says_what_packs_would_save(tiny, tmp_path) -> None:
    given = [labelled(f"{number} x is ?", [RIGHT], [True]) for number in range(4)]
    trainer = trainer_on(given, tiny, tmp_path, pack="auto")
    drawn = drawn_for(trainer.train_dataset, trainer.model, trainer.settings, CPU)
    assert drawn.data is trainer.train_dataset
    assert "times fewer multiplications, and 1.1 is the least" in drawn.said


def test_a_model_that_does_not_fit_trains_on_rows_or_is_refused(tiny, tmp_path) -> None:
    trainer = trainer_on(trees(), tiny, tmp_path, labels="soft", pack="auto")
    trainer.model.config.sliding_window = 4
    drawn = drawn_for(trainer.train_dataset, trainer.model, trainer.settings, CPU)
    assert drawn.data is trainer.train_dataset
    assert "sliding window" in drawn.said
    with pytest.raises(ConfigError, match="sliding window"):
        drawn_for(
            trainer.train_dataset, trainer.model, trainer.settings.model_copy(update={"pack": "on"}), CPU
        )


def test_weights_in_shards_are_refused(tiny, tmp_path, monkeypatch) -> None:
    trainer = trainer_on(trees(), tiny, tmp_path, labels="soft", pack="on")
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ConfigError, match="sharded"):
        drawn_for(trainer.train_dataset, trainer.model, trainer.settings, CPU)


def test_packs_for_flex_attention_have_one_length_and_get_blocks(tiny, tmp_path) -> None:
    from torch.nn.attention.flex_attention import BlockMask

    first = trainer_on(trees(), tiny, tmp_path / "first", labels="soft")
    packs, _ = packs_of(first.train_dataset, first.settings)
    network = first.model
    network.config._attn_implementation = "flex_attention"
    trainer = PrmTrainer(
        network, first.args, first.settings, card=first.card, tokenizer=first.processing_class, train=packs
    )
    inputs = [trainer._inputs(trainer.data_collator([pack])) for pack in packs]
    assert len({len(pack.layout) for pack in packs}) > 1
    (shape,) = {tuple(each["input_ids"].shape) for each in inputs}
    assert shape[1] % 128 == 0
    assert all(isinstance(each["attention_mask"], BlockMask) for each in inputs)
