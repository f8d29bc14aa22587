import pytest

from omega_fast.wording import counted


@pytest.mark.parametrize(
    ("count", "words", "told"),
    [
        (0, ("row",), "0 rows"),
        (1, ("row",), "1 row"),
        (12_345, ("row",), "12,345 rows"),
        (1, ("entry", "entries"), "1 entry"),
        (2, ("question has", "questions have"), "2 questions have"),
    ],
)
def test_one_is_told_as_one_and_several_as_several(count, words, told):
    assert counted(count, *words) == told
