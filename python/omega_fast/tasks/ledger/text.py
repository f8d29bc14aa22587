"""The surface of ledger problems: rendering, and the parser that undoes it exactly."""

from __future__ import annotations

import re

from omega_fast.errors import InputError
from omega_fast.tasks.ledger.program import LedgerProblem, Statement
from omega_fast.tasks.ledger.vocabulary import NOUNS, PLAIN_VERBS, STORY_VERBS

__all__ = ["parse", "render"]

_DEFAULT_MODULUS = 10
_MODULUS = re.compile(r"modulo (\d{1,4})")
_INITIAL = re.compile(
    r"(?P<register>[a-z]+) (?:is (?P<plain>\d{1,4})|has (?P<story>\d{1,4}) (?P<noun>[a-z]+))"
)
_PLAIN = re.compile(
    r"(?P<tag>[a-z]) (?P<register>[a-z]+) (?P<verb>add|take|times) (?P<operand>[a-z]+|\d{1,4})"
)
_STORY = re.compile(
    r"(?P<tag>[a-z]) (?P<register>[a-z]+) (?P<verb>finds|loses|swaps each for) "
    r"(?:(?P<operand>\d{1,4}) (?P<noun>[a-z]+)|as many as (?P<other>[a-z]+))"
)
_HINT = "a ledger problem reads like: x is 9 . y is 1 . a y add 8 . b x take 2 . c x add y . ?"


def render(problem: LedgerProblem) -> str:
    """The problem's text: sentences that end in ` .`, then `?`, without a newline.

    A modulus other than 10 is stated first. The story skin is used where the problem has a noun.
    """
    sentences = [] if problem.modulus == _DEFAULT_MODULUS else [f"modulo {problem.modulus}"]
    for register, value in problem.initial.items():
        sentences.append(
            f"{register} has {value} {problem.noun}" if problem.noun else f"{register} is {value}"
        )
    sentences += [_sentence(statement, problem.noun) for statement in problem.statements]
    return "".join(f"{sentence} . " for sentence in sentences) + "?"


def _sentence(statement: Statement, noun: str) -> str:
    if not noun:
        verb, operand = PLAIN_VERBS[statement.operator], str(statement.operand)
    elif isinstance(statement.operand, str):
        verb, operand = STORY_VERBS[statement.operator], f"as many as {statement.operand}"
    else:
        verb, operand = STORY_VERBS[statement.operator], f"{statement.operand} {noun}"
    return f"{statement.tag} {statement.register} {verb} {operand}"


def parse(problem_text: str) -> LedgerProblem:
    """The problem that `render` writes as `problem_text`; one newline at the end is allowed.

    Raises:
        InputError: The text is not one that `render` writes, or it names a register that is not declared,
            declares one or uses a tag twice, gives a starting value outside the modulus, or lets a register
            act on itself.
    """
    text = problem_text.removesuffix("\n")
    sentences = text.removesuffix(" . ?").split(" . ")
    modulus = _DEFAULT_MODULUS
    if found := _MODULUS.fullmatch(sentences[0]):
        modulus = int(found[1])
        sentences = sentences[1:]
    initial: dict[str, int] = {}
    statements: list[Statement] = []
    noun = ""
    for sentence in sentences:
        if not statements and (found := _INITIAL.fullmatch(sentence)):
            if found["register"] in initial:
                raise _refusal(f"register {found['register']} is declared twice")
            initial[found["register"]] = int(found["plain"] or found["story"])
            noun = found["noun"] or ""
        elif found := (_STORY if noun else _PLAIN).fullmatch(sentence):
            statements.append(_statement(found))
        else:
            raise _refusal(f"cannot read the sentence {sentence[:80]!r}")
    problem = LedgerProblem(initial, tuple(statements), modulus, noun)
    _check(problem)
    if render(problem) != text:
        raise _refusal(f"not in the form that is written: {text[:80]!r}")
    return problem


def _statement(found: re.Match[str]) -> Statement:
    words = found.groupdict()
    operators = {verb: operator for verbs in (PLAIN_VERBS, STORY_VERBS) for operator, verb in verbs.items()}
    operand = words["operand"] or words["other"]
    return Statement(
        words["tag"],
        words["register"],
        operators[words["verb"]],
        int(operand) if operand.isdigit() else operand,
    )


def _check(problem: LedgerProblem) -> None:
    if not problem.initial:
        raise _refusal("no register is declared")
    if problem.noun and problem.noun not in NOUNS:
        raise _refusal(f"unknown noun {problem.noun}")
    if problem.modulus < 2 or max(problem.initial.values()) >= problem.modulus:
        raise _refusal(f"a starting value is not below the modulus {problem.modulus}")
    tags = [statement.tag for statement in problem.statements]
    if len(set(tags)) < len(tags):
        raise _refusal("a tag is used twice")
    for statement in problem.statements:
        if unknown := statement.reads - problem.initial.keys():
            raise _refusal(f"statement {statement.tag} names {min(unknown)}, which is not declared")
        if statement.operand == statement.register:
            raise _refusal(f"statement {statement.tag} lets {statement.register} act on itself")


def _refusal(message: str) -> InputError:
    return InputError(f"ledger problem: {message}", hint=_HINT)
