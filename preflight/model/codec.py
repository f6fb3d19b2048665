"""JSON of the frozen data, with text that need not be UTF-8 (see `preflight.model.text`)."""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

import msgspec

from preflight.model import text

T = TypeVar("T")


def encode(value: Any) -> bytes:
    """
    Return *value* (structs, tuples, mappings, builtins) as one line of JSON.

    bytes stand in base64.  The usual value has neither a backslash nor an
    undecodable byte in it, and is encoded in one pass.
    """
    try:
        line = msgspec.json.encode(value, order="deterministic")
    except UnicodeEncodeError:
        line = b"\\"
    if b"\\" not in line:
        return line
    escaped = _map_text(msgspec.to_builtins(value), text.to_json)
    return msgspec.json.encode(escaped, order="deterministic")


def decode(line: bytes, kind: type[T]) -> T:
    """Return the *kind* that `encode` was given; raises `msgspec.DecodeError` for anything else."""
    decoder: msgspec.json.Decoder[T] = _decoders.get(kind) or _new_decoder(kind)
    if b"\\" not in line:
        return decoder.decode(line)
    return msgspec.convert(_map_text(msgspec.json.decode(line), text.from_json), kind)


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
_making = Lock()


def _new_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """
    Return the decoder of *kind*, which for a union takes longer to make than a line to read.

    One at a time: msgspec (0.22, _core.c, StructInfo_Convert) shows what it
    knows of a struct to other threads before it is complete, and whoever
    decodes with that ends the process.
    """
    with _making:
        if kind not in _decoders:
            _decoders[kind] = msgspec.json.Decoder(kind)
        return _decoders[kind]


def _map_text(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): _map_text(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_text(item, change) for item in value]
    return value
