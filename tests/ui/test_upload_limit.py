"""Uploads from other machines stay small; a model may be dropped at this one."""

from __future__ import annotations

from typing import Any

import pytest

from app import UploadLimit

LARGE, SMALL = str(500 * 2**20), str(5 * 2**20)


def answer(address: str, method: str = "PUT", **headers: str) -> int:
    """The status that an upload gets; 204 where it is let through."""
    sent: list[dict[str, Any]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("not a byte is read")

    named = [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()]
    scope = {"type": "http", "method": method, "headers": named, "client": (address, 40000)}
    with pytest.raises(StopIteration):  # nothing waits; a browser's tests may hold the event loop
        UploadLimit(behind)(scope, receive, send).send(None)
    status: int = sent[0]["status"]
    return status


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_model_is_let_in_from_this_machine(address: str):
    assert answer(address, content_length=LARGE) == 204
    assert answer(address) == 204


def test_from_another_machine_only_what_an_image_may_have():
    assert answer("192.168.1.7", content_length=SMALL) == 204
    assert answer("192.168.1.7", content_length=LARGE) == 413
    assert answer("192.168.1.7", content_length="-1") == 411
    assert answer("192.168.1.7") == 411
    assert answer("192.168.1.7", method="GET") == 204
    assert answer("127.0.0.1", content_length=LARGE, x_forwarded_for="10.0.0.9") == 413
