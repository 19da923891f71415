"""The picture in the README: python docs/case_picture.py (needs the tests' packages and chromium).

Starts the dashboard, opens a phantom case, waits for its noise floor and writes `docs/case.webp`.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PORT = 8790
CASE = "case?image=21&attack=pgd&eps=2/255&explain=gradcam,shap,lime"
PATIENCE = 600_000  # milliseconds, of a slow machine


def main() -> None:
    """Take the picture."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(PORT)]
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        for _ in range(300):
            with suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/_stcore/health", timeout=1)
                break
            time.sleep(0.2)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            context = browser.new_context(
                viewport={"width": 1440, "height": 1000}, color_scheme="light"
            )
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{PORT}/{CASE}")
            page.locator(".root[data-stage=done]:not(.stale)[data-ready='1']").wait_for()
            page.get_by_text("harmless changes as large as").first.wait_for()
            page.wait_for_timeout(90_000)  # the words above the panels come with the last control
            raw = page.screenshot()
            browser.close()
        picture = Image.open(io.BytesIO(raw))
        picture.save(ROOT / "docs" / "case.webp", "WEBP", quality=86, method=6)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
