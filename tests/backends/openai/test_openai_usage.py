"""What a server says it bills."""

from __future__ import annotations

from typing import Any

import pytest

from omega_fast.backends.openai_wire import Dialect, read_answer
from omega_fast.records import Usage


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 9, "completion_tokens": 4}, Usage(9, 0, 4)),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}},
            Usage(9, 8, 4),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": None}, Usage(9, 0, 4)),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 99}},
            Usage(9, 9, 4),
        ),
        (
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": -1}},
            Usage(9, 0, 4),
        ),
        ({"completion_tokens": 4}, None),
        ({}, None),
        (None, None),
    ],
)
def test_usage_is_read_where_it_is_reported(usage: Any, read: Usage | None) -> None:
    body = {"choices": [{"text": "4", "finish_reason": "stop"}], "usage": usage}
    assert read_answer(body, Dialect("text")).usage == read
