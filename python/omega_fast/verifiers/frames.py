"""Frames between the parent and a worker: four bytes of length, big-endian, then that many bytes of JSON."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

__all__ = ["HEADER_BYTES", "body_length", "decode", "encode", "read_frame"]

HEADER_BYTES = 4
_HEADER = struct.Struct(">I")


def encode(message: Mapping[str, Any]) -> bytes:
    """The frame of a message. Lone surrogates, which model text can hold, travel as JSON escapes."""
    body = json.dumps(message).encode("ascii")
    return _HEADER.pack(len(body)) + body


def body_length(header: bytes) -> int:
    """How many bytes follow a header of `HEADER_BYTES`."""
    return int(_HEADER.unpack(header)[0])


def decode(body: bytes) -> dict[str, Any]:
    """The message of a frame's body."""
    message: dict[str, Any] = json.loads(body)
    return message


def read_frame(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message of a blocking stream, or `None` where it ends."""
    header = stream.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    body = stream.read(body_length(header))
    return decode(body)
