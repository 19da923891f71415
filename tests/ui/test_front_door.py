"""The page that every visit begins with: completed, and nothing else touched."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from radar_core.ui.first_look import FirstLook
from radar_core.ui.front_door import ELEMENTS, HOST, STATIC, FrontDoor, complete, needed

PAGE = (STATIC / "index.html").read_text(encoding="utf-8")
BROWSER = {"accept": "text/html,*/*", "accept-encoding": "gzip", "if-none-match": '"kept"'}


def page(request: Request) -> Response:
    """Streamlit's page, as it serves it."""
    if request.headers.get("if-none-match"):
        return Response(status_code=304)
    return HTMLResponse(PAGE, headers={"etag": '"kept"', "cache-control": "no-cache"})


@pytest.fixture
def client() -> TestClient:
    routes = [
        Route("/case", page),
        Route("/other", lambda _: HTMLResponse("<html><head></head>a report</html>")),
        Route("/numbers", lambda _: JSONResponse({"a": 1}, headers={"etag": '"kept"'})),
        Route("/gone", lambda _: HTMLResponse(PAGE, 404)),
    ]
    packed = [Middleware(FrontDoor), Middleware(GZipMiddleware, minimum_size=1)]
    return TestClient(Starlette(routes=routes, middleware=packed))


def test_a_browser_is_given_the_page_completed(client: TestClient) -> None:
    answer = client.get("/case?image=1", headers=BROWSER)
    assert answer.status_code == 200 and answer.text == complete(PAGE, "/case") != PAGE
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert "etag" not in answer.headers, "it would outlive what completes it"
    assert answer.headers["cache-control"] == "no-cache"
    assert "content-encoding" not in answer.headers


def test_a_page_with_pictures_of_a_case_is_kept_nowhere(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = FirstLook("phantom", "phantom", "", ("name",), "said", b"pictures")
    monkeypatch.setattr("radar_core.ui.first_look.find", {"image=1": look}.get)
    answer = client.get("/case?image=1", headers=BROWSER)
    assert answer.text == complete(PAGE, "/case", look) != complete(PAGE, "/case")
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert client.get("/case?image=2", headers=BROWSER).text == complete(PAGE, "/case")
    assert client.get("/?image=1", headers=BROWSER).status_code == 404


@pytest.mark.parametrize("path", ["/other", "/numbers", "/gone"])
def test_nothing_else_is_touched(client: TestClient, path: str) -> None:
    given = client.get(path, headers=BROWSER)
    assert "__streamlit" not in given.text
    plain = client.get(path, headers={"accept": "*/*"})
    assert given.content == plain.content
    assert given.headers.get("etag") == plain.headers.get("etag") or path != "/numbers"


def test_who_is_no_browser_is_given_the_page_as_it_is(client: TestClient) -> None:
    assert client.get("/case", headers={"accept": "*/*"}).text == PAGE


def test_the_code_of_the_first_elements_is_named_once(client: TestClient) -> None:
    files = needed(ELEMENTS)
    for one in ELEMENTS:
        assert any(file.startswith(f"{one}.") for file in files), f"this Streamlit has no {one}"
    whole = complete(PAGE, "/case")
    named = re.findall(r'(?:href|src)="\./static/js/([^"]+)"', whole)
    assert len(named) == len(set(named)) and set(files) <= set(named)
    assert all((STATIC / "static" / "js" / name).is_file() for name in named)


def test_a_font_that_no_page_uses_is_not_asked_for() -> None:
    assert 'as="font"' in PAGE and 'as="font"' not in complete(PAGE, "/case")


def test_a_path_below_which_all_is_served_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 'const page = "/lab/case"' in complete(PAGE, "/lab/case")
    monkeypatch.setattr("streamlit.get_option", {"server.baseUrlPath": "lab/"}.get)
    assert 'const page = "/case"' in complete(PAGE, "/lab/case")
    assert 'const page = "/"' in complete(PAGE, "/lab/")


def test_a_path_cannot_break_out_of_the_script() -> None:
    whole = complete(PAGE, '/</script><script>alert(1)</script>"')
    assert "alert(1)</script>" not in whole


def test_what_it_says_of_the_host_is_what_streamlit_would_answer() -> None:
    from streamlit.web.server.starlette.starlette_routes import create_host_config_routes

    answers: Any = TestClient(Starlette(routes=create_host_config_routes(None)))
    own = answers.get("/_stcore/host-config").json()
    del own["allowedOrigins"], own["resourceCrossOriginMode"]
    assert json.loads(json.dumps(HOST)) == own
