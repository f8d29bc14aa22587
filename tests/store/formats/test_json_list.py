import io
import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omega_fast.store.formats import json_list
from omega_fast.store.formats.json_list import NotAListError, json_items

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(VALUES, max_size=6),
    indent=st.sampled_from([None, 2]),
    chunk=st.integers(1, 40),
    ascii_only=st.booleans(),
)
def test_any_list_is_read_item_by_item_whatever_the_chunk(values, indent, chunk, ascii_only):
    data = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_list, "_CHUNK", chunk)
        assert [json.loads(item) for item in json_items(io.BytesIO(b"\xef\xbb\xbf" + data))] == values


@pytest.mark.parametrize("chunk", range(1, 10))
def test_a_number_is_never_cut_where_a_chunk_ends(monkeypatch, chunk):
    monkeypatch.setattr(json_list, "_CHUNK", chunk)
    assert list(json_items(io.BytesIO(b"[1.5e-3,-2 ,3]"))) == ["1.5e-3", "-2", "3"]


@pytest.mark.parametrize("data", [b"{}", b"", b"1", b'"[1]"'])
def test_what_is_no_list_is_told_apart(data):
    with pytest.raises(NotAListError):
        list(json_items(io.BytesIO(data)))


@pytest.mark.parametrize("data", [b"[1", b"[1 2]", b"[1,]", b"[1] 2", b'["a', b"[{]", b"[\xff]"])
def test_broken_lists_are_refused(data):
    with pytest.raises(ValueError, match=r".") as raised:
        list(json_items(io.BytesIO(data)))
    assert not isinstance(raised.value, NotAListError)


def test_a_long_list_is_not_held_in_memory():
    data = b"[" + b",\n".join(b'{"text": "%s"}' % (b"x" * 1000) for _ in range(10_000)) + b"]"
    file = io.BytesIO(data)
    tracemalloc.start()
    try:
        count = sum(1 for _ in json_items(file))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 10_000
    assert peak < len(data) / 4
