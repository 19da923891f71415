"""The door: `streamlit run app.py`.

The shell lies in a folder without a `pages/` beside it: otherwise Streamlit would serve the pages
by themselves on a direct link, past the shell.
"""

from __future__ import annotations

import runpy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.scriptrunner import get_script_run_ctx

from radar_core.settings import settings
from radar_core.ui.front_door import FrontDoor
from radar_core.ui.locality import from_here

ROOT = Path(__file__).resolve().parent
SHELL = ROOT / "radar_core" / "ui" / "shell.py"

# Streamlit needs inline styles, components from blobs, and `eval` for its charts; nothing else,
# and nothing from any other machine.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' ws: wss: data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class SecurityHeaders:
    """Adds `HEADERS` to every answer that has none of that name."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the app does, with the headers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = list(message.get("headers", []))
                names = {name.lower() for name, _ in present}
                message["headers"] = present + [h for h in HEADERS if h[0] not in names]
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class UploadLimit:
    """A model may be dropped on the page at this machine; from any other, files stay small.

    Streamlit has one limit for all uploads. It is that of models, and this one stands before it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is too large, or does not say how large it is, before a byte is read."""
        if scope["type"] == "http" and scope["method"] in ("PUT", "POST"):
            headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
            length = headers.get("content-length", b"").decode("latin-1")
            most = (settings().upload_mb + 1) * 2**20  # and what surrounds it
            if (not length.isdecimal() or int(length) > most) and not from_here(
                (scope.get("client") or ("",))[0], headers
            ):
                status = 413 if length.isdecimal() else 411
                await PlainTextResponse("this file is too large", status)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class PublicAssets(StaticFiles):
    """`assets/` without the models: weights are not handed to whoever can see the page."""

    async def get_response(self, path: str, scope: Scope) -> Any:
        """The file, or 404."""
        if Path(path).parts[:1] == ("models",):
            path = "no such file"
        return await super().get_response(path, scope)


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, Any] | None]:
    """Warm up in a thread while the first page already paints; stop the workers at the end."""
    from radar_core.ui import jobs, session_mends, warm

    session_mends.mend()  # before any page: one may have outlived the server before
    warm.start(painted=False)
    yield None
    for store in (
        *(jobs.device_jobs, jobs.picture_jobs, jobs.fetch_jobs),
        *(jobs.adoption_jobs, jobs.summary_jobs, jobs.layout_jobs),
    ):
        store.clear()


app = st.App(
    SHELL,
    lifespan=lifespan,
    routes=[Mount("/assets", PublicAssets(directory=ROOT / "assets"))],
    middleware=[Middleware(SecurityHeaders), Middleware(UploadLimit), Middleware(FrontDoor)],
)

if get_script_run_ctx(suppress_warning=True) is not None:  # run as a script, as AppTest does
    runpy.run_path(str(SHELL))
