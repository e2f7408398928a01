"""The page at ``/``, for people who open the address of a server in a browser."""

from __future__ import annotations

from typing import Final

from eventkeep.protocol.revisions import REVISIONS

HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>eventkeep</title>
<style>body {{ font: 16px/1.5 sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em }}</style>
<h1>eventkeep</h1>
<p>This is an event store that speaks the Klaviyo Events API. Programs use it at the paths below <code>/api/</code>,
with a key that <code>eventkeep keys create</code> makes on the server's machine.</p>
<ul>
<li><a href="/openapi/{newest}.json">/openapi/{newest}.json</a>: the OpenAPI document of the newest revision</li>
<li><a href="/healthz">/healthz</a>: whether the server responds</li>
<li><a href="/readyz">/readyz</a>: whether it accepts events</li>
</ul>
<p>On the command line, <code>eventkeep --help</code> lists all commands, and <code>eventkeep doctor</code> checks this
server.</p>
</html>
"""


def front_page() -> bytes:
    """Return the page as HTML."""
    return _PAGE.format(newest=REVISIONS[-1].date).encode()
