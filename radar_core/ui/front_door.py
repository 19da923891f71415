"""The page that every visit begins with, completed so that a browser need not search or wait.

Streamlit's own page looks for its server under the address of each page in turn, asks it for
settings, and loads the code of each element when it first meets one. All of that is known here; and
so may be what the address shows (see `radar_core.ui.first_look`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from radar_core.ui import first_look

STATIC = Path(st.__file__).parent / "static"
# The elements of the case page's first screenful, by the names of Streamlit's files.
ELEMENTS = (
    *("BidiComponent", "Button", "ButtonGroup", "Checkbox", "Multiselect", "NumberInput"),
    *("Progress", "Selectbox", "Slider", "TextInput"),
)
CASE = "case"  # the page of which the first look is kept
BEGINS = re.compile(r'<script type="module" crossorigin src="(\./static/js/[\w.-]+)"></script>')
# What Streamlit's code needs: it would be in the way of what is drawn before that begins.
NEEDED = re.compile(r'<link\s+rel="(?:stylesheet|modulepreload)"[^>]*>')
ATTRIBUTE = re.compile(r'(?<=\s)([\w-]+)(?:="([^"]*)")?')
FONT = re.compile(r'<link\s+rel="preload"[^>]*\sas="font"[^>]*>')  # of Streamlit's own theme
# As `/_stcore/host-config` answers, but that no other site may talk to the page.
HOST = {
    "useExternalAuthToken": False,
    "enableCustomParentMessages": False,
    "enforceDownloadInNewTab": False,
    "metricsUrl": "",
    "blockErrorDialogs": False,
}
# Where a proxy serves the dashboard below a path of its own, that path is kept.
SCRIPT = """<script>
(() => {
  const page = %s, here = location.pathname;
  if (!here.endsWith(page)) return;
  const base = location.origin + here.slice(0, here.length - page.length);
  window.__streamlit = {
    BACKEND_BASE_URL: base, HOST_CONFIG: { ...%s, allowedOrigins: [location.origin] },
  };
})();
</script>"""


class FrontDoor:
    """Completes the page that a browser is given for any address of the dashboard."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does; a page of it is read whole, completed and never kept."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _wants_page(scope):
            await self.app(scope, receive, send)
            return
        look = None
        if _below(scope["path"]) == CASE:
            look = await run_in_threadpool(first_look.find, scope["query_string"].decode("latin-1"))
        dropped = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
        start: Message | None = None
        body = b""

        async def completed(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                if _is_page(message):
                    start = message
                else:
                    await send(message)
            elif start is None:
                await send(message)
            else:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    text = await run_in_threadpool(complete, body.decode(), scope["path"], look)
                    whole = text.encode()
                    changed = [b"content-length", b"etag", b"last-modified"]
                    added = [(b"content-length", str(len(whole)).encode())]
                    if look is not None:  # with pictures of a case
                        changed.append(b"cache-control")
                        added.append((b"cache-control", b"no-store"))
                    given = [(n, v) for n, v in start["headers"] if n.lower() not in changed]
                    await send({**start, "headers": [*given, *added]})
                    await send({**message, "body": whole})

        await self.app({**scope, "headers": headers}, receive, completed)


def complete(page: str, path: str, look: first_look.FirstLook | None = None) -> str:
    """Streamlit's page with what it would otherwise search for and load later.

    Args:
        path: of the address that was asked for, as the server sees it.
        look: what is known of the address; it is drawn before Streamlit's own code begins.
    """
    if '<div id="root">' not in page:
        return page
    page = FONT.sub("", page)
    where = json.dumps(f"/{_below(path)}").replace("<", "\\u003c")
    preloads = "".join(
        f'<link rel="modulepreload" crossorigin href="./static/js/{name}">'
        for name in needed(ELEMENTS)
        if name not in page
    )
    whole = page.replace("</head>", SCRIPT % (where, json.dumps(HOST)) + preloads + "</head>", 1)
    begins = BEGINS.search(whole)
    if look is None or begins is None:
        return whole
    links = [dict(ATTRIBUTE.findall(link)) for link in NEEDED.findall(whole)]
    drawn = first_look.script(look, links, begins.group(1))
    return (
        NEEDED.sub("", whole).replace(begins.group(0), "").replace("</body>", drawn + "</body>", 1)
    )


@cache
def needed(elements: Sequence[str]) -> tuple[str, ...]:
    """The files of some elements and all that these import, as this Streamlit names them."""
    folder = STATIC / "static" / "js"
    found: dict[str, None] = {}
    waiting = [file.name for one in elements for file in sorted(folder.glob(f"{one}.*.js"))]
    while waiting:
        name = waiting.pop(0)
        if name not in found and (folder / name).is_file():
            found[name] = None
            code = (folder / name).read_text(encoding="utf-8")
            waiting += re.findall(r"""(?:from|import)[`"']\./([\w.-]+\.js)[`"']""", code)
    return tuple(found)


def _below(path: str) -> str:
    """A path as the server sees it, below its own."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return path.strip("/").removeprefix(base).strip("/")


def _wants_page(scope: Scope) -> bool:
    return any(n == b"accept" and b"text/html" in v for n, v in scope["headers"])


def _is_page(message: Message) -> bool:
    kind = next((v for n, v in message["headers"] if n.lower() == b"content-type"), b"")
    return message["status"] == 200 and kind.startswith(b"text/html")
