"""Messages <-> bytes: JSON of tagged msgspec structs, one codec on every wire."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
import msgspec.inspect

M = TypeVar("M")

# A frame beyond this is refused before it is parsed: the largest honest one is a class's timeline.
FRAME_BYTES_MAX = 256 * 1024


class DecodeError(ValueError):
    """The far side sent bytes that are no message of this wire. Its fault, never ours.

    `code` is short and stable, for counters and for the answer to the sender:
    `too_large`, `not_json`, `unknown_message` or `bad_field`.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Codec(Generic[M]):
    """Encodes and validates the messages of one closed, tagged union."""

    def __init__(self, union: type[M] | object, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(union).decode
        self._tag_path = f"`$.{_tag_field(union)}`"
        self._frame_bytes_max = frame_bytes_max

    def encode(self, message: M) -> bytes:
        return self._encode(message)

    def decode(self, frame: bytes | bytearray | memoryview | str) -> M:
        """Raises DecodeError, and nothing else, for any input."""
        if len(frame) > self._frame_bytes_max:
            raise DecodeError("too_large", f"{len(frame)} bytes, at most {self._frame_bytes_max}")
        try:
            message: M = self._decode(frame)
        except msgspec.ValidationError as error:
            code = "unknown_message" if str(error).endswith(self._tag_path) else "bad_field"
            raise DecodeError(code, str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError("not_json", str(error)) from None
        return message


def _tag_field(union: object) -> str | None:
    found = msgspec.inspect.type_info(union)
    one = found.types[0] if isinstance(found, msgspec.inspect.UnionType) else found
    return one.tag_field if isinstance(one, msgspec.inspect.StructType) else None
