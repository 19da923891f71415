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
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime.scriptrunner import get_script_run_ctx

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
    from radar_core.ui import jobs, warm

    warm.start(painted=False)
    yield None
    jobs.device_jobs.clear()
    jobs.picture_jobs.clear()


app = st.App(
    SHELL,
    lifespan=lifespan,
    routes=[Mount("/assets", PublicAssets(directory=ROOT / "assets"))],
    middleware=[Middleware(SecurityHeaders)],
)

if get_script_run_ctx(suppress_warning=True) is not None:  # run as a script, as AppTest does
    runpy.run_path(str(SHELL))
