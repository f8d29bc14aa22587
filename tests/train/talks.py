"""Conversations on made-up steps, short enough for the tiny checkpoints."""

from typing import Any

__all__ = ["TEMPLATE", "TRAINABLE", "reply", "talk", "talks"]

TRAINABLE = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] }}{{ eos_token }}{% endgeneration %}"
    "{% else %}{{ m['content'] }}{{ '\\n' }}{% endif %}{% endfor %}"
)
"""With marks around what the assistant says."""

TEMPLATE = TRAINABLE.replace("{% generation %}", "").replace("{% endgeneration %}", "")
"""The same without."""


def reply(sign: str) -> str:
    return f"<output>\\boxed{{{sign}}}</output>"


def talk(number: int, signs: str = "+") -> dict[str, Any]:
    """Steps `a` are right, steps `b` wrong."""
    messages = []
    for at, sign in enumerate(signs):
        step = "a" if sign == "+" else "b"
        messages += [
            {"role": "user", "content": step if at else f"x {number}\n{step}"},
            {"role": "assistant", "content": reply(sign)},
        ]
    return {"messages": messages}


def talks(count: int) -> list[dict[str, Any]]:
    return [talk(number, ("+", "-", "+-")[number % 3]) for number in range(count)]
