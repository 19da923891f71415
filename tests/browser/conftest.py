"""One real server for the whole run, and a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from tests.browser.served import Server, serving
from tests.browser.told import bad, seen, told

AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The dashboard as all tests but a few see it."""
    with serving(tmp_path_factory) as running:
        yield running


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
    stays: bool = False  # loaded once, it goes on as back and forward do

    def goes(self, address: str) -> Any:
        """Open an address; a page that stays loaded comes from the home page."""
        if self.stays:
            self.leaves()
            self.page.evaluate(GO_ON, address)
        else:
            self.page.goto(address)
        return self.page

    def leaves(self) -> None:
        """Go to the home page without being loaded anew."""
        if urlsplit(self.page.url).path != "/":
            self.page.evaluate(GO_ON, "/")
        self.page.get_by_role("button", name="Open a case").wait_for()
        self.rests()

    def looks(self, width: int, height: int, scheme: str, motion: str) -> None:
        """Take another window, other colours, more or less motion."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme, reduced_motion=motion)

    def finished(self, address: str = "") -> Any:
        """The page once the case is computed and Streamlit rests."""
        if address:
            self.goes(address)
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


GO_ON = "to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate')); }"
QUIET = 2.5  # seconds without a word to the server: nothing is polled any more


def drawn(page: Any) -> None:
    """Wait until what was asked for is drawn: until the second frame from now."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


def canvas(page: Any, tile: str) -> np.ndarray:
    """The pixels of a tile (h, w, 3), read back from the screen's canvas."""
    values = page.locator(f"canvas[data-tile={tile}]").evaluate(
        "c => Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)"
    )
    return np.array(values, dtype=np.uint8).reshape(64, 64, 4)[..., :3]


def sideways(page: Any) -> int:
    """Pixels that the page can be scrolled sideways, once what follows its width has followed."""
    beyond = "m => m.scrollWidth - m.clientWidth"
    for _ in range(20):
        found = int(page.locator("[data-testid=stMain]").evaluate(beyond))
        if found <= 1:
            break
        page.wait_for_timeout(500)
    return found


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
  const found = (await axe.run(document, {runOnly: rules, resultTypes: ["violations"]}))
    .violations;
  return found.map(one => [one.id, one.nodes.filter(n => !n.html.includes("Clear all")).map(said)])
    .filter(([, nodes]) => nodes.length).map(([id, nodes]) => id + ": " + nodes.join(" || "));
}"""


def violations(page: Any) -> list[str]:
    """What axe-core finds against the guidelines, Streamlit's own small *Clear all* left aside."""
    axe = pytest.importorskip("axe_playwright_python")
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = []
    for _ in range(15):  # what still fades in has too little contrast for a moment
        if page.locator("[data-testid=stApp]").count():  # not a report: what is stale is pale
            page.locator("[data-test-script-state=notRunning]").wait_for()
        found = page.evaluate(AXE, AXE_RULES)
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
        opened = in_context(context, server)
        opened.looks(width, height, scheme, motion)
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
    blameless(visits)


@pytest.fixture(scope="module")  # what a session keeps of one file's tests is nothing to another's
def loaded(browser: Any, server: Server) -> Iterator[list[Visit]]:
    """The page that stays loaded, once there is one."""
    pages: list[Visit] = []
    yield pages
    close(pages)


def close(pages: list[Visit]) -> None:
    """Close what stayed loaded."""
    while pages:
        pages.pop().page.context.close()


@pytest.fixture
def tab(
    request: pytest.FixtureRequest, browser: Any, server: Server, loaded: list[Visit]
) -> Iterator[Callable[..., Visit]]:
    """`visit` for tests of what does not depend on loading a page: the page is loaded once.

    Loading costs a browser seconds. Such a page goes to an address as a browser goes back and
    forward, always from the home page, so that each test meets components made anew. What else a
    session of Streamlit keeps, it keeps.
    """

    def begin(
        width: int = 1440, height: int = 900, scheme: str = "light", motion: str = "reduce"
    ) -> Visit:
        if not loaded:
            loaded.append(in_context(own_profile(browser, server), server))
            loaded[0].page.goto("/")
            loaded[0].stays = True
        one = loaded[0]
        for said in (one.external, one.errors, one.heard, one.sent):
            said.clear()
        one.looks(width, height, scheme, motion)
        one.page.mouse.move(0, 0)
        return one

    yield begin
    visits = list(loaded)
    if request.node.stash.get(FAILED, False):
        print(*(seen(one) for one in visits), sep="\n")
        close(loaded)
    for one in loaded:
        one.leaves()
    blameless(visits)


def in_context(context: Any, server: Server) -> Visit:
    """A new page, which is listened to."""
    opened = Visit(context.new_page())
    listen(opened)
    own = (server.url, "data:", "blob:", server.url.replace("http", "ws"))
    opened.page.on(
        "request",
        lambda r: None if r.url.startswith(own) else opened.external.append(r.url),
    )
    opened.page.on("pageerror", lambda e: opened.errors.append(str(e)))
    opened.page.on("console", lambda m: opened.errors.append(m.text) if bad(m) else None)
    return opened


def listen(opened: Visit) -> None:
    """Note what a page and its server tell each other."""

    def hear(frame: bytes | str) -> None:
        if isinstance(frame, bytes):
            opened.heard.append(frame)

    def begins(socket: Any) -> None:
        socket.on("framereceived", hear)
        socket.on("framesent", lambda _: opened.sent.append(time.monotonic()))

    opened.page.on("websocket", begins)


def blameless(visits: list[Visit]) -> None:
    """Nothing has left the machine or gone wrong in a page."""
    assert [v.external for v in visits if v.external] == []
    for one in visits:
        if one.errors:
            print(*told(one.heard), sep="\n")
    assert [v.errors for v in visits if v.errors] == []
