"""The shipped policy loads plainly and speaks the task's grammar."""

import json
import re

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from omega_fast.models.ledger_policy import ASSETS  # noqa: E402
from omega_fast.models.ledger_policy.policy import LedgerPolicy  # noqa: E402
from omega_fast.tasks.ledger import LedgerConfig, questions  # noqa: E402

PROBLEM = "x is 9 . y is 1 . a y add 8 . b x times 3 . c x add y . ?"
LINE = re.compile(r"[a-p] [xy] \d [+*-] \d = \d\n|answer \d \d\n")


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(ASSETS)


@pytest.fixture(scope="module")
def model():
    return transformers.AutoModelForCausalLM.from_pretrained(ASSETS)


@pytest.fixture(scope="module")
def policy():
    torch.set_num_threads(1)
    return LedgerPolicy()


def test_transformers_loads_a_float32_llama_with_the_end_of_sequence_set(model, tokenizer):
    assert model.config.model_type == "llama"
    assert model.dtype == torch.float32
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.do_sample
    assert model.generation_config.temperature == 1.0
    assert model.config.head_dim == 64


def test_older_loaders_find_the_same_rotary_base():
    config = json.loads((ASSETS / "config.json").read_text())
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 1000.0


def test_the_folder_holds_no_pickle_and_is_a_few_megabytes():
    names = {path.name for path in ASSETS.iterdir()}
    assert "model.safetensors" in names
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) < 8_000_000


def test_provenance_gives_seed_settings_and_figures():
    provenance = json.loads((ASSETS / "provenance.json").read_text())
    assert provenance["settings"]["seed"] == 0
    assert 0.4 <= provenance["figures"]["right_answers_at_T1"] <= 0.7
    assert provenance["figures"]["lucky_right_answers_at_T1"] < 0.05
    assert provenance["figures"]["auroc_of_mc8"] >= 0.9


def test_generate_writes_lines_of_the_grammar(model, tokenizer):
    prompt = tokenizer(PROBLEM + "\n", return_tensors="pt")
    ids = model.generate(**prompt, do_sample=False, temperature=None)[0]
    text = tokenizer.decode(ids, skip_special_tokens=True)
    assert text.startswith(PROBLEM + "\n")
    solution = text.removeprefix(PROBLEM + "\n").splitlines(keepends=True)
    assert all(LINE.fullmatch(line) for line in solution)
    assert solution[-1].startswith("answer")


def test_nearly_every_sampled_line_is_of_the_grammar(policy):
    drawn = list(questions(LedgerConfig(), 40, seed=5, split="test"))
    solutions = policy.continue_all([(q.problem, ()) for q in drawn])
    lines = [line for solution in solutions for line in solution]
    assert sum(bool(LINE.fullmatch(line)) for line in lines) / len(lines) > 0.98


def test_a_fair_share_of_sampled_answers_is_right(policy):
    drawn = list(questions(LedgerConfig(), 60, seed=6, split="test"))
    solutions = policy.continue_all([(q.problem, ()) for q in drawn])
    right = [lines[-1:] == [f"answer {q.answer}\n"] for q, lines in zip(drawn, solutions, strict=True)]
    assert 0.25 < sum(right) / len(right) < 0.85


def test_a_continuation_goes_on_from_the_steps_it_is_given(policy):
    (lines,) = policy.continue_all([(PROBLEM, ("a y 1 + 8 = 9\n", "b x 9 * 3 = 7\n"))], temperature=0.0)
    assert lines[0].startswith("c x 7 + 9 = ")
