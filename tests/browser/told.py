"""What a page and its server said, for whoever reads why a test failed."""

from __future__ import annotations

from typing import Any


def seen(one: Any) -> str:
    """What a page was when its test failed."""
    page = one.page
    if page.is_closed():
        return "a page that is closed"
    words = page.locator("body").inner_text()[:1500]
    state = page.evaluate("document.querySelector('[data-test-script-state]')?.outerHTML")
    return "\n".join(
        [
            *(page.url, str(state)[:300], words, *told(one.heard)[-30:]),
            *(f"sent {len(one.sent)}", *page.evaluate(PLACES)),
        ]
    )


# Where the larger parts of a page stand.
PLACES = """() => ["[data-testid=stSidebar]", "[data-testid=stMainBlockContainer]",
  "[data-testid=stMainBlockContainer] > div > *"].flatMap(s => [...document.querySelectorAll(s)])
  .slice(0, 12).map(e => {
    const { x, y, width, height } = e.getBoundingClientRect();
    return `${e.dataset.testid || e.className} ${[x, y, width, height].map(Math.round)}`;
  })"""


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


def bad(message: Any) -> bool:
    """An error in the console, other than Streamlit's search for its own base path."""
    probes = ("/_stcore/health", "/_stcore/host-config")
    return message.type == "error" and not message.location.get("url", "").endswith(probes)
