"""One real server for the whole run, and a real browser."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pages.toy import write_toy_model

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass
class Server:
    """A running dashboard: its address, the folders of its models and stories, its process."""

    url: str
    models: Path
    stories: Path
    pid: int
    started: float


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard as all tests but a few see it."""
    with serving(tmp_path_factory) as running:
        yield running


@contextlib.contextmanager
def serving(
    folders: pytest.TempPathFactory,
    *,
    port: int = 0,
    end: signal.Signals = signal.SIGTERM,
    **environment: str,
) -> Iterator[Server]:
    """The dashboard, in its own process group; its log is shown on failure.

    Args:
        port: a free one without any.
        end: how it goes down.
        environment: settings beside those that every test has.
    """
    models, stories = folders.mktemp("models"), folders.mktemp("stories")
    write_toy_model(models)
    write_toy_model(models, "unlayered", cam_layer="classifier")
    log = folders.mktemp("server") / "server.log"
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    own = {"RADAR_MODELS": str(models), "RADAR_DATA": "", "RADAR_STORIES": str(stories)}
    places = ("experiments", "readers", "surveys")
    own |= {f"RADAR_{name.upper()}": str(folders.mktemp(name)) for name in places}
    environment = {**os.environ, **own, **environment}
    with log.open("w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
    started = time.monotonic()
    try:
        while not healthy(url):
            if process.poll() is not None or time.monotonic() - started > START_SECONDS:
                pytest.fail("the server did not start:\n" + log.read_text())
            time.sleep(0.05)
        yield Server(url, models, stories, process.pid, time.monotonic())
    finally:
        if process.poll() is None:
            os.killpg(process.pid, end)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def healthy(url: str) -> bool:
    """Whether a server answers."""
    with contextlib.suppress(OSError):
        answer: int = urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).status
        return answer == 200
    return False


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One chromium for the whole run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=chromium,
            args=["--headless", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"],
        )
        yield opened
        opened.close()


@dataclass
class Visit:
    """A page and what it asked for and complained about."""

    page: Any
    external: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)  # when it spoke to the server

    def finished(self, address: str = "") -> Any:
        """The page once the case is computed and Streamlit rests."""
        if address:
            self.page.goto(address)
        done = self.page.locator(".root[data-stage=done]:not(.stale)[data-ready='1']")
        done.wait_for(timeout=120_000)
        self.rests()
        return self.page

    def rests(self) -> None:
        """Wait until no script runs."""
        self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()

    def settles(self) -> None:
        """Wait until no script runs and none is asked for."""
        while self.sent and time.monotonic() - self.sent[-1] < QUIET:
            self.page.wait_for_timeout(200)
        self.rests()


QUIET = 1.5  # seconds without a word to the server: nothing is polled any more


def canvas(page: Any, tile: str) -> np.ndarray:
    """The pixels of a tile (h, w, 3), read back from the screen's canvas."""
    values = page.locator(f"canvas[data-tile={tile}]").evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )
    return np.array(values, dtype=np.uint8).reshape(64, 64, 4)[..., :3]


def sideways(page: Any) -> int:
    """Pixels that the page can be scrolled sideways."""
    return int(page.locator("[data-testid=stMain]").evaluate("m => m.scrollWidth - m.clientWidth"))


# Beside each element: what axe measured, and which of the elements around it are pale.
AXE = """async rules => {
  const pale = element => {
    const found = [];
    for (let one = element; one; one = one.parentElement) {
      const seen = getComputedStyle(one).opacity;
      if (seen !== "1") found.push(`${one.dataset.testid || one.className || one.tagName} ${seen}`);
    }
    return found.join(", ");
  };
  const said = node => node.html.slice(0, 160) + " " + JSON.stringify(node.any.map(a => a.data)) +
    " pale: " + pale(document.querySelector(node.target[0]));
  const found = (await axe.run(document, {runOnly: rules})).violations;
  return found.map(one => [one.id, one.nodes.filter(n => !n.html.includes("Clear all")).map(said)])
    .filter(([, nodes]) => nodes.length).map(([id, nodes]) => id + ": " + nodes.join(" || "));
}"""


def violations(page: Any) -> list[str]:
    """What axe-core finds against the guidelines, Streamlit's own small *Clear all* left aside."""
    axe = pytest.importorskip("axe_playwright_python")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = []
    for _ in range(15):  # what still fades in has too little contrast for a moment
        if page.locator("[data-testid=stApp]").count():  # not a report: what is stale is pale
            page.locator("[data-test-script-state=notRunning]").wait_for()
        found = page.evaluate(
            AXE,
            AXE_RULES,
        )
        if not found:
            break
        page.wait_for_timeout(1000)
    return found


@pytest.fixture(scope="module")  # a module may have a server of its own
def profile(browser: Any, server: Server) -> Iterator[Any]:
    """The profile of one browser: what it has loaded, such as Streamlit's code, stays loaded."""
    with closing(own_profile(browser, server)) as context:
        yield context


def own_profile(browser: Any, server: Server) -> Any:
    """A browser that has been nowhere yet."""
    context = browser.new_context(locale="en-GB", base_url=server.url)
    context.set_default_timeout(60_000)  # of a loaded machine
    return context


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let the fixtures of a test know whether it failed."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def visit(
    request: pytest.FixtureRequest, browser: Any, profile: Any, server: Server
) -> Iterator[Callable[..., Visit]]:
    """Open a visit; at its end nothing may have left the machine or gone wrong in the page.

    With `other_browser`, it is made with one that has been nowhere yet.
    """
    contexts, visits = [profile], []

    def begin(
        width: int = 1440,
        height: int = 900,
        scheme: str = "light",
        motion: str = "reduce",
        *,
        other_browser: bool = False,
    ) -> Visit:
        context = profile
        if other_browser:
            context = own_profile(browser, server)
            contexts.append(context)
        opened = Visit(context.new_page())
        opened.page.set_viewport_size({"width": width, "height": height})
        opened.page.emulate_media(color_scheme=scheme, reduced_motion=motion)

        def hear(frame: bytes | str) -> None:
            if isinstance(frame, bytes):
                opened.heard.append(frame)

        own = (server.url, "data:", "blob:", server.url.replace("http", "ws"))
        opened.page.on(
            "request",
            lambda r: None if r.url.startswith(own) else opened.external.append(r.url),
        )
        opened.page.on("pageerror", lambda e: opened.errors.append(str(e)))
        opened.page.on("websocket", lambda w: w.on("framereceived", hear))
        opened.page.on(
            "websocket", lambda w: w.on("framesent", lambda _: opened.sent.append(time.monotonic()))
        )
        opened.page.on("console", lambda m: opened.errors.append(m.text) if _bad(m) else None)
        visits.append(opened)
        return opened

    yield begin
    if request.node.stash.get(FAILED, False):
        print(*(seen(one) for one in visits), sep="\n")
    for context in contexts:
        for page in context.pages:
            page.close()
    profile.set_offline(False)
    for context in contexts[1:]:
        context.close()
    assert [v.external for v in visits if v.external] == []
    for one in visits:
        if one.errors:
            print(*told(one.heard), sep="\n")
    assert [v.errors for v in visits if v.errors] == []


def seen(one: Visit) -> str:
    """What a page was when its test failed."""
    page = one.page
    if page.is_closed():
        return "a page that is closed"
    words = page.locator("body").inner_text()[:1500]
    state = page.evaluate("document.querySelector('[data-test-script-state]')?.outerHTML")
    return "\n".join(
        [page.url, str(state)[:300], words, *told(one.heard)[-30:], f"sent {len(one.sent)}"]
    )


def told(heard: list[bytes]) -> list[str]:
    """What the server last told a page, in short: of a page that breaks, this is the cause."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    said = []
    for frame in heard[-80:]:
        message = ForwardMsg.FromString(frame)
        kind = message.WhichOneof("type")
        if kind == "delta":
            delta = message.delta
            what = delta.WhichOneof("type")
            what = delta.new_element.WhichOneof("type") if what == "new_element" else what
            kind = f"{what} at {list(message.metadata.delta_path)} {delta.fragment_id[:6]}"
        elif kind == "auto_rerun":
            kind = f"auto_rerun {message.auto_rerun.fragment_id[:6]}"
        elif kind == "script_finished":
            kind = f"script_finished {message.script_finished}"
        said.append(str(kind))
    return said


def _bad(message: Any) -> bool:
    """An error in the console, other than Streamlit's search for its own base path."""
    probes = ("/_stcore/health", "/_stcore/host-config")
    return message.type == "error" and not message.location.get("url", "").endswith(probes)
