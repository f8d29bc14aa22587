import pytest

from omega_fast.cli.clean import clean


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x1b[31;1mb\x1b[0m", "ab"),
        ("a\x1b[2J\x1b[Hb", "ab"),
        ("\x1b]0;title\x07a", "a"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31ma\x9d0;t\x9cb", "ab"),
        ("\x1bPq#0\x1b\\a", "a"),
        ("\x1b]52;c;unterminated", "52;c;unterminated"),
        ("a\x1bcb\x1b(0c", "abc"),
        ("safe\rowned", "safeowned"),
        ("a\x00\x07\x08\x7fb", "ab"),
        ("a\u202eb\u2066c", "abc"),
        ("x\ty\nπ √ 😀", "x\ty\nπ √ 😀"),
        ("\x1b\x1b[31m[31m", "[31m"),
    ],
)
def test_what_commands_a_terminal_is_taken_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_nothing_that_starts_a_sequence_is_left() -> None:
    pieces = ["\x1b", "[", "]", "\x9b", "\x07", "\\", "3", "m", "a", "\x9d", "P"]
    for first in pieces:
        for second in pieces:
            for third in pieces:
                left = clean(first + second + third)
                assert all(character in "[]\\3maP" for character in left), (first, second, third)
