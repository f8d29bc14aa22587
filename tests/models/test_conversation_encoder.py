"""The mask of what the assistant wrote, against what can be read off the rendered text."""

import pytest

from omega_fast.errors import ConfigError, InputError
from omega_fast.models.conversation_encoder import ConversationEncoder
from omega_fast.models.ledger_policy.judge import JUDGE_MARKS, judge_tokenizer
from omega_fast.models.step_encoder import UnfitError
from tests.backends.tiny_checkpoints import byte_level_tokenizer

TALK = [
    {"role": "system", "content": "be strict"},
    {"role": "user", "content": "x is 1 . ?\na x 1 + 8 = 9"},
    {"role": "assistant", "content": "it is\nfine +"},
    {"role": "user", "content": "answer 9"},
    {"role": "assistant", "content": " -"},
]
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{{ m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
MARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\n' }}"
    "{% else %}{{ m['content'] + '<|im_end|>' + '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LINES = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}" + (
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)
FORGETFUL = (
    "{% for m in messages %}{% if loop.last %}{{ m['role'] }}: {% endif %}{{ m['content'] }}{% endfor %}"
)


def encoder(template, limit=1000):
    tokenizer = byte_level_tokenizer()
    tokenizer.add_tokens(["<|im_start|>", "<|im_end|>"])
    return ConversationEncoder(tokenizer, limit, template)


def spoken_text(found, tokenizer):
    texts, run = [], []
    for id_, spoken in zip(found.ids, found.spoken, strict=True):
        if spoken:
            run.append(id_)
        elif run:
            texts.append(tokenizer.decode(run))
            run = []
    return [*texts, *([tokenizer.decode(run)] if run else [])]


@pytest.mark.parametrize("template", [CHATML, MARKED])
def test_the_assistants_tokens_are_its_messages_and_the_mark_that_ends_them(template):
    made = encoder(template)
    found = made.encode(TALK)
    assert spoken_text(found, made.tokenizer) == ["it is\nfine +<|im_end|>", " -<|im_end|>"]


def test_marks_in_the_template_change_nothing_where_both_ways_are_open():
    assert encoder(CHATML).encode(TALK) == encoder(MARKED).encode(TALK)


def test_a_turn_that_ends_in_a_line_break_is_learnt_with_it():
    made = encoder(LINES)
    assert spoken_text(made.encode(TALK), made.tokenizer) == ["it is\nfine +\n", " -\n"]


def test_a_prompt_is_what_the_whole_conversation_begins_with():
    made = encoder(CHATML)
    whole = made.encode(TALK)
    prompt = made.prompt(TALK[:2])
    assert whole.ids[: len(prompt)] == prompt
    assert not any(whole.spoken[: len(prompt)])
    assert whole.spoken[len(prompt)]


def test_a_template_that_renders_history_otherwise_is_refused():
    with pytest.raises(InputError, match=r"renders message \d in another way") as refused:
        encoder(FORGETFUL).encode(TALK)
    assert "generation" in refused.value.hint


def test_a_template_that_raises_is_an_error_of_the_row():
    with pytest.raises(InputError, match="cannot render the conversation: no system"):
        encoder("{{ raise_exception('no system') }}").encode(TALK)


def test_nothing_is_cut_to_fit():
    whole = len(encoder(CHATML).encode(TALK).ids)
    with pytest.raises(UnfitError, match=f"has {whole} tokens and may have {whole - 1}"):
        encoder(CHATML, whole - 1).encode(TALK)
    with pytest.raises(UnfitError):
        encoder(CHATML, 10).prompt(TALK[:2])


def test_a_tokenizer_without_a_template_needs_one():
    with pytest.raises(ConfigError, match="no chat template"):
        encoder(None)


def test_the_embedded_policy_reads_problem_and_steps_as_it_was_trained_to():
    tokenizer = judge_tokenizer()
    made = ConversationEncoder(tokenizer, 512)
    critique = (
        "<verify>\nresult: a y 6 - 5 = 1\n</verify>\n<judge>\n"
        "carried out, it gives 1, the line says 1\n</judge>\n<output>\n\\boxed{+}\n</output>"
    )
    talk = [
        {"role": "user", "content": "x is 7 . y is 6 . a y take 5 . ?\na y 6 - 5 = 1"},
        {"role": "assistant", "content": critique},
        {"role": "user", "content": "answer 7 1"},
        {"role": "assistant", "content": critique},
    ]
    found = made.encode(talk)
    assert spoken_text(found, tokenizer) == [critique + "<eos>", critique + "<eos>"]
    plain = tokenizer("x is 7 . y is 6 . a y take 5 . ?\na y 6 - 5 = 1\n")["input_ids"]
    assert list(found.ids[: len(plain)]) == plain
    assert sum(found.spoken) == 2 * 17, "marks are single tokens"
    assert all(len(tokenizer.encode(mark, add_special_tokens=False)) == 1 for mark in JUDGE_MARKS)
    assert len(tokenizer) == 512
