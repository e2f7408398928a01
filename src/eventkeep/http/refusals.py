"""The errors of messages that break HTTP or a limit of this server."""

from __future__ import annotations

from eventkeep.errors import Fault, HeadersTooLarge, InvalidRequest, PayloadTooLarge
from eventkeep.limits import BODY_BYTES_MAX, BODY_SECONDS_MAX, HEADER_BYTES_MAX, HEADERS_MAX


def not_http(why: str) -> InvalidRequest:
    return InvalidRequest([Fault(f"This is not HTTP/1.1: {why}.", parameter="HTTP")])


def wrong_host(why: str) -> InvalidRequest:
    return InvalidRequest([Fault(f"Expected one Host header with a host and perhaps a port: {why}.", parameter="Host")])


def wrong_transfer_encoding(sent: str) -> InvalidRequest:
    return InvalidRequest(
        [Fault(f"Expected chunked, in HTTP/1.1, or none, got {sent!r}.", parameter="Transfer-Encoding")]
    )


def wrong_target() -> InvalidRequest:
    return InvalidRequest([Fault("The request's target is no URL.", parameter="URL")])


def headers_too_large() -> HeadersTooLarge:
    return HeadersTooLarge(
        [
            Fault(
                f"A request's line and headers have at most {HEADER_BYTES_MAX} bytes, and there are at most "
                f"{HEADERS_MAX} headers.",
                parameter="HTTP",
            )
        ]
    )


def body_too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        [Fault(f"A request body holds at most {BODY_BYTES_MAX} bytes after decompression.", pointer="/")]
    )


def body_too_slow() -> InvalidRequest:
    return InvalidRequest([Fault(f"The body did not arrive whole within {BODY_SECONDS_MAX:g} seconds.", pointer="/")])


def body_cut(why: str = "the connection ended before") -> InvalidRequest:
    """For a body whose rest will not come, or can't be parsed."""
    return InvalidRequest([Fault(f"The body did not arrive whole: {why}.", pointer="/")])
