r"""One line of the log: `{"n":0,"kind":"k","body":{},"crc":"8 hex","chain":"32 hex"}` and a newline.

`crc` is the CRC-32 of the line's payload, the bytes `{"n":..,"kind":..,"body":..}` as they stand; `chain` is
the 16-byte BLAKE2b of the previous line's chain and the payload. Every byte of a line is so checked as it was
written, and no line can be lost, doubled or moved unseen. Before the first line the chain is 16 zero bytes.
"""

from __future__ import annotations

import math
import re
import sys
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from omega_fast.errors import InputError
from omega_fast.store.base import Record

if TYPE_CHECKING:
    from omega_fast._core import LogLines

__all__ = [
    "FIRST_CHAIN",
    "SEAL_BYTES",
    "check_lines",
    "decode",
    "encode_json",
    "holds_whole_line",
    "kind_of",
    "payload_of",
    "seal",
]

FIRST_CHAIN = bytes(16)

SEAL_BYTES = len(b',"crc":"01234567","chain":""\n') + 32
"""How much longer a line is than its payload."""

_SEAL = re.compile(rb',"crc":"([0-9a-f]{8})","chain":"([0-9a-f]{32})"\}')
_HEAD = re.compile(rb'\{"n":\d+,"kind":"([a-z][a-z0-9_.:-]*)",')
_KIND = re.compile(r"[a-z][a-z0-9_.:-]*")
_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def encode_json(value: object, *, what: str) -> bytes:
    """`value` as compact JSON in UTF-8.

    Raises:
        InputError: If it holds NaN, an infinity, a lone surrogate, or anything else that JSON cannot carry.
    """
    try:
        data = orjson.dumps(value, option=_STRICT)
    except TypeError as error:
        raise InputError(
            f"{what} cannot be stored: {error}", hint="store JSON values and valid Unicode only"
        ) from error
    # orjson writes NaN and infinities as null, so only a text with a null in it can hide one.
    if b"null" in data and (place := _non_finite(value, "")) is not None:
        raise InputError(
            f"{what} cannot be stored: {place.lstrip('.') or 'it'} is NaN or infinite",
            hint="store null or a finite number",
        )
    return data


def seal(n: int, kind: str, body: Mapping[str, Any], previous: bytes) -> tuple[bytes, bytes]:
    """The finished line, newline included, and the chain after it.

    Raises:
        InputError: If `kind` is not a plain lower-case name or `body` is not JSON.
    """
    if not _KIND.fullmatch(kind):
        raise InputError(
            f"{kind!r} is not a kind of record", hint="use lower-case letters, digits and _ . : -"
        )
    payload = encode_json({"n": n, "kind": kind, "body": body}, what=f"record {n} ({kind})")
    chain = _next_chain(previous, payload)
    return b'%s,"crc":"%08x","chain":"%s"}\n' % (
        payload[:-1],
        zlib.crc32(payload),
        chain.hex().encode(),
    ), chain


def check_lines(
    data: bytes, previous: bytes, most: int = sys.maxsize, *, responses: bool = False
) -> LogLines:
    """The good lines that `data` begins with, `most` at most, of which the first follows the chain `previous`.

    Args:
        data: Bytes of a log, from the beginning of a line.
        previous: The chain before it.
        most: Lines to check.
        responses: Also read what records of responses say.
    """
    from omega_fast._core import LogLines  # noqa: PLC0415 - only reading a log needs it

    return LogLines(data, previous, most, responses=responses)


def holds_whole_line(tail: bytes, previous: bytes) -> bool:
    """Whether unterminated bytes go on after a whole good line: its newline was damaged, not torn off."""
    ends = (found.end() for found in _SEAL.finditer(tail) if found.end() < len(tail))
    return any(check_lines(tail[:end] + b"\n", previous, 1).reach[0] for end in ends)


def payload_of(line: bytes) -> bytes | None:
    """The payload of one line, newline included, by its checksum alone; `None` if it is not as it was written."""
    sealed = _SEAL.fullmatch(line[-SEAL_BYTES - 1 : -1])
    payload = line[: -SEAL_BYTES - 1] + b"}"
    good = sealed is not None and line.endswith(b"\n") and zlib.crc32(payload) == int(sealed[1], 16)
    return payload if good else None


def kind_of(payload: bytes) -> str:
    """The kind of a good payload, without parsing the rest."""
    found = _HEAD.match(payload)
    assert found is not None, "a payload that passed its checksum was written by seal"
    return found[1].decode()


def decode(payload: bytes) -> Record:
    """The record in a good payload."""
    return Record(**orjson.loads(payload))


def _next_chain(previous: bytes, payload: bytes) -> bytes:
    return blake2b(previous + payload, digest_size=16).digest()


def _non_finite(value: object, place: str) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else place
    if isinstance(value, Mapping):
        inner = ((f"{place}.{key}", item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        inner = ((f"{place}[{index}]", item) for index, item in enumerate(value))
    else:
        return None
    return next((found for at, item in inner if (found := _non_finite(item, at)) is not None), None)
