"""The bounds of HTTP connections: incomplete requests are ended, and keep no other out."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from shared.runtime import connections
from shared.runtime.connections import BoundedProtocol

HALF = b"GET / HTTP/1.1\r\nHost: salur\r\nX-Slow: "
WHOLE = b"GET / HTTP/1.1\r\nHost: salur\r\nConnection: close\r\n\r\n"
KEPT = b"GET / HTTP/1.1\r\nHost: salur\r\n\r\n"
SOON = 0.2


async def application(scope: Any, _receive: Any, send: Any) -> None:
    if scope["path"] == "/slow":
        await asyncio.Event().wait()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", SOON)
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 2 * SOON)
    config = uvicorn.Config(application, "127.0.0.1", 0, http=BoundedProtocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = server.force_exit = True
    await serving


async def answer(port: int, *parts: bytes) -> bytes:
    """Everything the server says until it ends the connection."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.writelines(parts)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


async def test_whole_request_is_answered(port: int) -> None:
    assert (await answer(port, WHOLE)).endswith(b"ok")


@pytest.mark.parametrize("half", [b"", b"G", HALF, KEPT + HALF])
async def test_half_request_is_ended(port: int, half: bytes) -> None:
    answered = await answer(port, half)
    assert answered.count(b"ok") == half.count(KEPT)


async def test_answer_that_never_comes_is_ended(port: int) -> None:
    assert await answer(port, KEPT.replace(b" / ", b" /slow ")) == b""


async def test_half_requests_keep_no_other_request_out(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST", 5)
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 60.0)
    many = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
    for _, writer in many:
        writer.write(HALF)
        await writer.drain()
    assert (await answer(port, WHOLE)).endswith(b"ok")
    async with asyncio.timeout(10):
        ended = [await reader.read() for reader, _ in many[:14]]
    assert ended == [b""] * 14
    for _, writer in many:
        writer.close()
