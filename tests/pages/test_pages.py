"""Navigation, and the pages beside the case page."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
Open = Callable[..., AppTest]


def test_the_door_opens_the_home_page(app: Open) -> None:
    at = app()
    assert not at.exception
    assert "classifier" in at.title[0].value
    assert any("not a medical device" in m.value for m in at.markdown)


def test_one_click_leads_to_a_case(app: Open) -> None:
    at = app()
    at.button[0].click().run()
    assert not at.exception
    assert at.selectbox(key="data").value == "phantom"


def test_the_methods_page_lists_what_is_registered(app: Open) -> None:
    from radar_core.attacks import ATTACKS
    from radar_core.explainers import EXPLAINERS
    from radar_core.metrics import METRICS

    at = app("methods")
    assert not at.exception
    text = "\n".join(m.value for m in at.markdown)
    for registry in (ATTACKS, EXPLAINERS, METRICS):
        for id in registry:
            assert f"`{id}`" in text
    assert "**Toy**" in text


def test_no_page_imports_torch() -> None:
    code = (
        "import sys, runpy, warnings; warnings.simplefilter('ignore')\n"
        "import radar_core.ui.controls, radar_core.ui.case_body, radar_core.ui.filmstrip\n"
        "import radar_core.ui.method_list, radar_core.ui.compute, radar_core.ui.warm\n"
        "import radar_core.ui.train_body, radar_core.ui.train_view\n"
        "import radar_core.ui.library_body\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, check=True)


def test_pages_are_short_and_take_no_detours() -> None:
    for page in (ROOT / "pages").glob("*.py"):
        text = page.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 100, page
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                assert node.module and node.module.startswith(("radar_core", "streamlit")), page


def test_no_unsafe_markup_anywhere() -> None:
    files = [ROOT / "app.py", *(ROOT / "pages").glob("*.py")]
    files += [*(ROOT / "radar_core" / "ui").glob("*.py")]
    files += [*(ROOT / "assets" / "components").glob("*.js")]
    for file in files:
        text = file.read_text(encoding="utf-8")
        for word in (
            "unsafe_allow",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
        ):
            assert word not in text, f"{word} in {file}"
