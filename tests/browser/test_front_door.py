"""Where a browser is told that its server is."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from radar_core.ui.front_door import complete

pytestmark = pytest.mark.browser
TOLD = """([code, pathname]) => {
    const window = {}, location = { pathname, origin: "https://host" };
    new Function("window", "location", code)(window, location);
    return window.__streamlit;
}"""


@pytest.mark.parametrize(
    ("asked", "here", "server"),
    [
        ("/case", "/case", "https://host"),
        ("/", "/", "https://host"),
        ("/case", "/user/me/proxy/8501/case", "https://host/user/me/proxy/8501"),
        ("/", "/user/me/proxy/8501/", "https://host/user/me/proxy/8501"),
        ("/case", "/rewritten", None),
    ],
)
def test_the_server_is_found_below_the_path_of_a_proxy(
    browser: Any, asked: str, here: str, server: str | None
) -> None:
    whole = complete('<head></head><div id="root">', asked)
    code = whole.split("<script>")[1].split("</script>")[0]
    with closing(browser.new_page()) as page:
        told = page.evaluate(TOLD, [code, here])
    assert (told and told["BACKEND_BASE_URL"]) == server
    assert told is None or told["HOST_CONFIG"]["allowedOrigins"] == ["https://host"]
