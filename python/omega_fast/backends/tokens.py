"""Where generated tokens end in the text they decode to, in UTF-8 bytes.

Byte-level BPE spells every token as bytes, so its offsets are read off a table. For any other tokenizer the
text of a token is what it adds to the decoding of the few tokens before it.

One rule for both: bytes that are no UTF-8 become U+FFFD, and a token has an offset only if no byte is pending
when it ends. Inside a character, and within a run of bytes whose meaning the next token can still change, the
offset is -1.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any, Protocol

__all__ = ["TokenDecoder", "TokenStream", "cut_tokens", "decode_tokens", "token_decoder"]

_REPLACEMENT = "\ufffd"
_CONTINUATION = frozenset(bytes([byte]) for byte in range(0x80, 0xC0))
_CONTEXT_TOKENS = 8
"""How many ids before the continuation are decoded with it, so that it is not taken for a text's start."""


class TokenStream(Protocol):
    """The text of a continuation as its tokens come in; `ends` holds one byte offset per token, or -1."""

    ends: list[int]

    def push(self, token_id: int) -> str:
        """Take the next token; returns the text that it makes certain."""
        ...

    def text(self) -> str:
        """The text so far; bytes still pending show as U+FFFD."""
        ...


class TokenDecoder(Protocol):
    """A tokenizer's way from ids to text."""

    def stream(self, context: Sequence[int]) -> TokenStream:
        """A fresh stream for a continuation of `context`, the ids of prompt and prefix."""
        ...

    def decode(self, token_ids: Sequence[int], context: Sequence[int]) -> tuple[str, tuple[int, ...]]:
        """What a stream makes of these ids, all at once: the text, and where each token ends in it, or -1."""
        ...


def token_decoder(tokenizer: Any) -> TokenDecoder:
    """The decoder for a Hugging Face tokenizer: by bytes for byte-level BPE, by increments for any other."""
    from tokenizers.decoders import ByteLevel  # noqa: PLC0415

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None and isinstance(backend.decoder, ByteLevel):
        return _ByteLevelDecoder(_byte_table(tokenizer))
    return _IncrementalDecoder(
        lambda ids: tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    )


def decode_tokens(
    decoder: TokenDecoder, token_ids: Sequence[int], context: Sequence[int]
) -> tuple[str, tuple[int, ...]]:
    """Text of a continuation of `context` and the byte offset in it at which each token ends, or -1."""
    return decoder.decode(token_ids, context)


def cut_tokens(token_ids: Sequence[int], token_ends: Sequence[int], byte_cut: int) -> tuple[int, ...] | None:
    """The leading ids that spell exactly the first `byte_cut` bytes; `None` if the cut falls inside a token.

    Tokens without text right at the cut are left off.
    """
    if byte_cut == 0:
        return ()
    try:
        return tuple(token_ids[: token_ends.index(byte_cut) + 1])
    except ValueError:
        return None


def _streamed(stream: TokenStream, token_ids: Sequence[int]) -> tuple[str, tuple[int, ...]]:
    for token_id in token_ids:
        stream.push(token_id)
    return stream.text(), tuple(stream.ends)


class _ByteLevelDecoder:
    def __init__(self, table: list[bytes]) -> None:
        self._table = table

    def stream(self, context: Sequence[int]) -> TokenStream:
        return _ByteLevelStream(self._table)

    def decode(self, token_ids: Sequence[int], context: Sequence[int]) -> tuple[str, tuple[int, ...]]:
        try:
            # One call for all ids; of a single one it would not be a tuple.
            spellings = itemgetter(*token_ids, 0)(self._table)[:-1] if token_ids else ()
            data = b"".join(spellings)
            text = data.decode()
        except (IndexError, UnicodeDecodeError):
            return _streamed(self.stream(context), token_ids)
        ends = tuple(accumulate(map(len, spellings)))
        if len(text) == len(data):
            return text, ends
        # A byte 10xxxxxx continues a character, so a token that ends before one ends inside it.
        return text, tuple(-1 if data[end : end + 1] in _CONTINUATION else end for end in ends)


class _ByteLevelStream:
    def __init__(self, table: list[bytes]) -> None:
        self.ends: list[int] = []
        self._table = table
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._parts: list[str] = []
        self._n_bytes = 0

    def push(self, token_id: int) -> str:
        # A model may have more rows than its tokenizer has words: such an id spells nothing.
        spelling = self._table[token_id] if token_id < len(self._table) else b""
        part = self._decoder.decode(spelling)
        self._parts.append(part)
        self._n_bytes += len(part.encode())
        self.ends.append(-1 if self._decoder.getstate()[0] else self._n_bytes)
        return part

    def text(self) -> str:
        pending = self._decoder.getstate()[0]
        return "".join(self._parts) + pending.decode("utf-8", "replace")


class _IncrementalDecoder:
    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode

    def stream(self, context: Sequence[int]) -> TokenStream:
        return _IncrementalStream(self._decode, context)

    def decode(self, token_ids: Sequence[int], context: Sequence[int]) -> tuple[str, tuple[int, ...]]:
        return _streamed(self.stream(context), token_ids)


class _IncrementalStream:
    """Decodes from the last but one clean point, so that no token is ever decoded as the first of a text."""

    def __init__(self, decode: Callable[[list[int]], str], context: Sequence[int]) -> None:
        self.ends: list[int] = []
        self._decode = decode
        self._window = list(context[-_CONTEXT_TOKENS:])  # ids from the last but one clean point on
        self._n_known = len(self._window)  # how many of them have been turned into text
        self._known = decode(self._window)  # and that text
        self._parts: list[str] = []
        self._n_bytes = 0

    def push(self, token_id: int) -> str:
        self._window.append(token_id)
        part = self._new_text()
        if part.endswith(_REPLACEMENT):
            self.ends.append(-1)
            return ""
        self._parts.append(part)
        self._n_bytes += len(part.encode())
        self.ends.append(self._n_bytes)
        self._window = self._window[self._n_known :]
        self._n_known = len(self._window)
        self._known = self._decode(self._window)
        return part

    def text(self) -> str:
        pending = self._new_text() if len(self._window) > self._n_known else ""
        return "".join(self._parts) + pending

    def _new_text(self) -> str:
        text = self._decode(self._window)
        if text.startswith(self._known):
            return text[len(self._known) :]
        # A byte-fallback decoder gives up a whole run of bytes for one bad byte, known ones included.
        return self._decode(self._window[self._n_known :])


def _byte_table(tokenizer: Any) -> list[bytes]:
    """The bytes each id of a byte-level tokenizer spells, by id."""
    byte_of = {character: byte for byte, character in enumerate(_byte_alphabet())}
    added = {id_: token.content for id_, token in tokenizer.added_tokens_decoder.items()}
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    table = [b""] * (max(vocabulary.values(), default=-1) + 1)
    for word, id_ in vocabulary.items():
        literal = id_ in added or any(character not in byte_of for character in word)
        table[id_] = word.encode() if literal else bytes(byte_of[character] for character in word)
    return table


def _byte_alphabet() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary (GPT-2; Radford et al. 2019).

    Printable Latin-1 bytes stand for themselves; the others take the code points from 256 on, in order.
    """
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    alphabet = [""] * 256
    for byte in printable:
        alphabet[byte] = chr(byte)
    next_code_point = 256
    for byte in range(256):
        if not alphabet[byte]:
            alphabet[byte] = chr(next_code_point)
            next_code_point += 1
    return alphabet
