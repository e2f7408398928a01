"""The frames of a scan: each a line that describes it, then the rows as JSON Lines.

The line is a JSON object. ``rows`` and ``bytes`` count the lines that follow it, and ``after`` is the id of the last of
these events in the order of the scan: a scan with ``after=`` that id goes on behind them. The last frame has
``end``: true if these were all events, false if the server ended the response before them. A response
without such a frame was cut off. A frame with neither rows nor ``end`` says that the server is still reading.
"""

from __future__ import annotations

from typing import Final

import msgspec

MEDIA_TYPE: Final = "application/x-ndjson"


class FrameHead(msgspec.Struct, frozen=True, omit_defaults=True):
    """The line before the rows of a frame; ``end`` is None for every frame but the last."""

    rows: int = 0
    bytes: int = 0
    after: str | None = None
    end: bool | None = None


_encode = msgspec.json.Encoder().encode
decode_head: Final = msgspec.json.Decoder(FrameHead).decode
"""The head in a line. Raises msgspec.DecodeError."""


def frame_head(head: FrameHead) -> bytes:
    """The line, with its end."""
    return _encode(head) + b"\n"


WAITING: Final = frame_head(FrameHead())
ALL: Final = frame_head(FrameHead(end=True))
NOT_ALL: Final = frame_head(FrameHead(end=False))
