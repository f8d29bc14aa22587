"""A packed tree gives each token what its row gives it, and the same gradients."""

from __future__ import annotations

import random

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForTokenClassification

from omega_fast.train.packing.attention import dense_mask, subtree_ends, tree_mask_mod
from omega_fast.train.packing.layout import lay_out


def forest(seed: int) -> list[tuple[int, ...]]:
    draw = random.Random(seed)
    prompts = [tuple(draw.randrange(1, 50) for _ in range(5)) for _ in range(3)]
    return [
        prompt + tuple(draw.randrange(1, 4) for _ in range(draw.randrange(1, 8)))
        for prompt in prompts
        for _ in range(6)
    ]


def network(attention: str) -> LlamaForTokenClassification:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_labels=2,
        attn_implementation=attention,
    )
    return LlamaForTokenClassification(config).eval()


def packed_loss(model: LlamaForTokenClassification, groups: list[list[tuple[int, ...]]]) -> Tensor:
    """The sum over paths and their tokens of a function of the output, all groups in one padded batch."""
    layouts = [lay_out(paths) for paths in groups]
    longest = max(map(len, layouts))
    filled = [(*tree.ids, *[0] * (longest - len(tree))) for tree in layouts]
    depths = [(*tree.depths, *[0] * (longest - len(tree))) for tree in layouts]
    dtype = next(model.parameters()).dtype
    logits = model(
        input_ids=torch.tensor(filled),
        position_ids=torch.tensor(depths),
        attention_mask=dense_mask(subtree_ends(layouts), dtype),
        use_cache=False,
    ).logits
    return sum(
        (logits[row][list(place)] ** 2).sum() for row, tree in enumerate(layouts) for place in tree.places
    )


def row_loss(model: LlamaForTokenClassification, groups: list[list[tuple[int, ...]]]) -> Tensor:
    """The same, a row a path."""
    return sum(
        (model(input_ids=torch.tensor([path])).logits ** 2).sum() for paths in groups for path in paths
    )


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_gradients_of_packed_trees_are_those_of_their_rows(attention: str) -> None:
    model = network(attention)
    groups = [forest(1), forest(2)[:7]]
    found = []
    for loss_of in (packed_loss, row_loss):
        model.zero_grad()
        loss = loss_of(model, groups)
        loss.backward()
        found.append((loss.item(), torch.cat([each.grad.flatten() for each in model.parameters()])))
    (packed, packed_gradient), (rows, gradient) = found
    assert packed == pytest.approx(rows, rel=1e-5)
    assert (packed_gradient - gradient).norm() <= 1e-5 * gradient.norm()


def test_the_function_for_flex_attention_is_the_dense_mask() -> None:
    ends = subtree_ends([lay_out(forest(1)), lay_out(forest(2)[:5])])
    packs, tokens = ends.shape
    may_see, at = tree_mask_mod(ends), torch.arange(tokens)
    for pack in range(packs):
        seen = may_see(torch.tensor(pack), torch.tensor(0), at[:, None], at[None, :])
        assert torch.equal(seen, dense_mask(ends, torch.float32)[pack, 0] == 0)


def test_padding_sees_itself_alone_so_that_no_row_of_the_mask_is_empty() -> None:
    ends = subtree_ends([lay_out([(1, 2, 3)]), lay_out([(1,)])])
    mask = dense_mask(ends, torch.float32)[1, 0] == 0
    assert torch.equal(mask, torch.eye(3, dtype=torch.bool))
