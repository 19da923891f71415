"""How quick the case page is in a browser: first screenful, first picture, frames while ε is moved.

The first screenful is measured twice: of a new image in a browser that has never been there, and of
a case already computed in one that has. Of the latter, the pictures are painted first by the
server's own page (`first_look`), then by the dashboard, where they can be used.

`python benchmarks/viewer.py` starts a dashboard of its own on a free port, visits it with Debian's
chromium, and prints one JSON object. Nothing else should run beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CASE = "/case?image=phantom-test-0000&attack=fgsm&explain=gradcam,shap&shap.samples=16"
VISITS = 5
DRAG = """async e => {
  const times = [];
  for (let k = 0; k < 120; k++) {
    const since = performance.now();
    e.value = k % (Number(e.max) + 1);
    e.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise(r => requestAnimationFrame(() => setTimeout(r)));
    times.push(performance.now() - since);
  }
  return times;
}"""


def main() -> int:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT,
        env={**os.environ, "RADAR_DATA": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _answers(url)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--headless", "--no-sandbox", "--disable-gpu"],
            )
            print(json.dumps(_measured(browser, url), indent=2))
            browser.close()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)
    return 0


def _answers(url: str) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            if urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).status == 200:
                return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the dashboard did not start")


def _measured(browser: Any, url: str) -> dict[str, Any]:
    page = _page(browser)
    page.goto(url + CASE)
    _finished(page)  # warm: model loaded, case and frames computed once
    page.locator(".ticks i.ready:nth-child(11)").wait_for(state="attached", timeout=180_000)
    page.wait_for_timeout(3000)
    times = page.locator("#epsilon").evaluate(DRAG)
    page.context.close()
    screenful, picture, early, again = [], [], [], []
    for number in range(1, VISITS + 1):
        address = url + CASE.replace("0000", f"{number:04}")
        page = _page(browser)
        screenful.append(_shown(page, address))
        _finished(page)
        picture.append(float(page.locator(".root[data-ms]").get_attribute("data-ms")))
        page.wait_for_timeout(3000)  # floor and curve
        page.close()
        page = page.context.new_page()
        again.append(_shown(page, address))
        early.append(float(page.evaluate("document.documentElement.dataset.firstLook")) / 1000)
        page.context.close()
    return {
        "first_visit_s": {"median": _round(screenful, 2), "worst": round(max(screenful), 2)},
        "known_case_first_look_s": {"median": _round(early, 2), "worst": round(max(early), 2)},
        "known_case_s": {"median": _round(again, 2), "worst": round(max(again), 2)},
        "data_to_picture_ms": {"median": _round(picture, 1), "worst": max(picture)},
        "moved_ms_a_frame": {
            "median": _round(times, 1),
            "p90": round(statistics.quantiles(times, n=10)[-1], 1),
        },
    }


def _shown(page: Any, address: str) -> float:
    """Seconds from the address to the first pictures, painted, by the page's own clock.

    Who asks from outside is answered once the page has time, which is after what follows.
    """
    page.goto(address)
    shown = page.locator(".root[data-painted]")
    return float(shown.get_attribute("data-painted", timeout=60_000)) / 1000


def _page(browser: Any) -> Any:
    return browser.new_context(viewport={"width": 1440, "height": 900}).new_page()


def _finished(page: Any) -> None:
    page.locator(".root[data-stage=done][data-ready='1']").wait_for(timeout=180_000)


def _round(values: list[float], digits: int) -> float:
    return round(statistics.median(values), digits)


if __name__ == "__main__":
    sys.exit(main())
