import inspect

import pytest
from tiny_checkpoints import byte_fallback_tokenizer, byte_level_tokenizer, request
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase

from omega_fast.backends.prompts import PromptEncoder, PromptTemplate
from omega_fast.errors import ConfigError, InputError
from omega_fast.records import Question

CHAT = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% if think is defined and not think %}!{% endif %}{% endif %}"
)


def encoder(
    template: PromptTemplate | None = None, *, chat: str | None = None, context: int = 1000
) -> PromptEncoder:
    tokenizer = byte_level_tokenizer()
    tokenizer.chat_template = chat
    return PromptEncoder(tokenizer, template or PromptTemplate(), context)


def text_of(prompts: PromptEncoder, problem: str) -> str:
    return prompts.prompt(Question(id="q", problem=problem, answer=None)).text


def test_without_a_template_the_problem_is_shown_byte_for_byte():
    assert text_of(encoder(), "  x is {y} .\n ") == "  x is {y} .\n "


def test_braces_other_than_the_problems_stand_for_themselves():
    assert text_of(encoder(PromptTemplate(text="{a} {problem} \\frac{1}{2}")), "{problem}x") == (
        "{a} {problem}x \\frac{1}{2}"
    )


def test_a_plain_system_message_goes_first():
    assert text_of(encoder(PromptTemplate(system="Be right.", text="Q: {problem}\n")), "x?") == (
        "Be right.\n\nQ: x?\n"
    )


def test_a_chat_template_is_used_where_there_is_one():
    assert text_of(encoder(chat=CHAT), "x?") == "<user>x?\n<assistant>"


def test_system_message_and_options_reach_the_chat_template():
    template = PromptTemplate(system="Be right.", chat_options={"think": False})
    assert text_of(encoder(template, chat=CHAT), "x?") == "<system>Be right.\n<user>x?\n<assistant>!"


def test_plain_style_leaves_a_chat_template_alone():
    assert text_of(encoder(PromptTemplate(style="plain"), chat=CHAT), "x?") == "x?"


def test_chat_style_without_a_chat_template_is_a_config_error():
    with pytest.raises(ConfigError, match=r"no chat template\nhint: .*--no-chat \(chat=False"):
        encoder(PromptTemplate(style="chat"))


def test_a_chat_template_that_raises_is_an_input_error():
    with pytest.raises(InputError, match="no system message here"):
        text_of(encoder(chat="{{ raise_exception('no system message here') }}"), "x?")


def test_a_template_that_never_shows_the_problem_is_refused():
    with pytest.raises(ValueError, match="never shows the problem"):
        PromptTemplate(text="solve it")


def test_special_tokens_before_a_text_are_kept_and_those_after_it_left_off():
    tokenizer = byte_fallback_tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    prompts = PromptEncoder(tokenizer, PromptTemplate(), 1000)
    bare = tokenizer("x is 9", add_special_tokens=False)["input_ids"]
    assert prompts.request_ids(request(0, "x is 9")) == (1, *bare)
    assert prompts.request_ids(request(0, "x is", prefix=" 9")) == (1, *bare)


def test_prefix_tokens_are_continued_exactly_as_they_are():
    prompts = encoder()
    prompt = prompts.prompt(request(0).question)
    ids = prompts.request_ids(request(0, prefix="whatever it says", prefix_tokens=(7, 7, 300)))
    assert ids == (*prompt.token_ids, 7, 7, 300)


def test_a_prefix_without_tokens_merges_with_the_prompt_as_one_text():
    prompts = encoder()
    word = max(
        (word for word in byte_level_tokenizer().get_vocab() if word.isascii() and word.isalpha()), key=len
    )
    joint = prompts.request_ids(request(0, word[:1], prefix=word[1:]))
    assert len(word) > 1
    assert joint == (byte_level_tokenizer().get_vocab()[word],)


def test_a_prefix_with_an_empty_list_of_tokens_is_not_lost():
    prompts = encoder()
    assert prompts.request_ids(request(0, "x is", prefix=" 9", prefix_tokens=())) == prompts.request_ids(
        request(0, "x is", prefix=" 9")
    )


def test_a_prompt_that_fills_the_context_is_an_input_error():
    with pytest.raises(InputError, match="has 5 tokens and the model takes 5"):
        text_of(encoder(context=5), "@@@@@")


def test_an_empty_prompt_is_an_input_error():
    with pytest.raises(InputError, match="has no tokens"):
        text_of(encoder(), "")


def test_fingerprints_differ_with_words_system_message_and_chat_template():
    variants = [
        encoder(),
        encoder(PromptTemplate(text="{problem}\n")),
        encoder(PromptTemplate(system="x")),
        encoder(chat=CHAT),
        encoder(chat=CHAT + " "),
        encoder(PromptTemplate(chat_options={"think": True}), chat=CHAT),
    ]
    assert len({prompts.fingerprint()["sha256"] for prompts in variants}) == len(variants)
    assert encoder().fingerprint() == encoder(PromptTemplate(style="plain"), chat=CHAT).fingerprint()


@pytest.mark.parametrize("name", inspect.signature(PreTrainedTokenizerBase.apply_chat_template).parameters)
def test_of_the_arguments_of_apply_chat_template_only_those_a_template_sees_are_options(name):
    if name in ("tools", "documents", "chat_template", "kwargs"):
        assert PromptTemplate(chat_options={name: "x"}).chat_options == {name: "x"}
    else:
        with pytest.raises(ValueError, match=f"{name}: an argument of apply_chat_template"):
            PromptTemplate(chat_options={name: True})
