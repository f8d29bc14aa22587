import math

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from omega_fast.backends.prompts import PromptTemplate
from omega_fast.models.ledger_policy import ASSETS
from omega_fast.models.likelihood import FIGURES, step_figures, writes_text
from omega_fast.models.prm_checkpoint import load_tokenizer
from omega_fast.models.step_encoder import StepEncoder


def by_hand(logits, ids, start, end):
    written, below, doubt = [], [], []
    for at in range(start, end + 1):
        chances = [math.exp(x) for x in logits[at - 1].double().tolist()]
        chances = [x / sum(chances) for x in chances]
        written.append(math.log(chances[ids[at]]))
        below.append(math.log(chances[ids[at]]) - math.log(max(chances)))
        doubt.append(-sum(x * math.log(x) for x in chances))
    return [
        sum(written),
        sum(written) / len(written),
        min(written),
        sum(below),
        min(below),
        sum(doubt),
        max(doubt),
    ]


def test_the_figures_are_those_of_a_plain_loop_over_tokens():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(9, 5, generator=generator) * 3
    ids = torch.tensor([0, 3, 1, 4, 2, 2, 0, 1, 3])
    found = step_figures(logits, ids, [2, 5], [4, 8])
    assert found.shape == (2, FIGURES)
    assert found[0].tolist() == pytest.approx(by_hand(logits, ids.tolist(), 2, 4), rel=1e-4)
    assert found[1].tolist() == pytest.approx(by_hand(logits, ids.tolist(), 5, 8), rel=1e-4)


def test_the_first_token_of_all_follows_nothing_and_counts_as_certain():
    found = step_figures(torch.randn(1, 5), torch.tensor([3]), [0], [0])
    assert found.tolist() == [[0.0] * FIGURES]


def test_a_token_that_cannot_be_written_leaves_every_figure_finite():
    logits = torch.zeros(2, 5)
    logits[0, 3] = -torch.inf
    found = step_figures(logits, torch.tensor([0, 3]), [1], [1])
    assert found.isfinite().all()
    assert found[0, 0] < -50
    assert found[0, 5].item() == pytest.approx(math.log(4), rel=1e-5)


def test_half_precision_is_computed_in_single():
    logits = torch.randn(4, 5).bfloat16()
    ids = torch.tensor([0, 3, 1, 4])
    assert torch.equal(step_figures(logits, ids, [1], [3]), step_figures(logits.float(), ids, [1], [3]))


def test_a_wrong_result_is_less_likely_than_the_right_one_to_the_embedded_policy(policy_inputs):
    right, wrong = (policy_inputs(f"a x 7 + 1 = {result}\n") for result in (8, 3))
    assert right[0] > wrong[0] + 2
    assert right[3] > wrong[3] + 2


@pytest.fixture
def policy_inputs():
    model = AutoModelForCausalLM.from_pretrained(ASSETS).eval()
    encoder = StepEncoder(
        load_tokenizer(str(ASSETS)), PromptTemplate(style="plain", text="{problem}\n"), "\n", 512
    )

    def figures(step: str) -> list[float]:
        encoded = encoder.encode("x is 7 . a x add 1 . ?", [step])
        ids = torch.tensor([encoded.ids])
        with torch.no_grad():
            return step_figures(model(ids).logits[0], ids[0], encoded.starts, encoded.ends)[0].tolist()

    return figures


@pytest.mark.parametrize(
    ("architectures", "writes"),
    [
        (["LlamaForCausalLM"], True),
        (["GPT2LMHeadModel"], True),
        (["LlamaForTokenClassification"], False),
        (["BertForMaskedLM"], False),
        (None, False),
    ],
)
def test_only_a_checkpoint_with_an_output_layer_writes_text(architectures, writes):
    assert writes_text(AutoConfig.for_model("llama", architectures=architectures)) is writes
