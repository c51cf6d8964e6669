"""Connections on which no HTTP is spoken, or too little of it, or too many of them: rows I11 and I12 of the matrix."""

import asyncio
import json
import socket
import subprocess
import time

import httpx
import pytest

from tests.server.conftest import Site, command, environment, raw
from tests.server.test_hostile_requests import ask, read_all

CHUNKED = "Transfer-Encoding: chunked\r\n\r\n"
JSON = "Content-Type: application/json\r\n"


def head(site: Site, line: str, more: str = "\r\n") -> str:
    return f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{site.served.port}\r\nCookie: {site.cookie}\r\n{more}"


@pytest.mark.parametrize(
    "sent",
    [
        "\x16\x03\x01\x02\x00\x01\x00",
        "GET /api/runs\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "GET /\xe4 HTTP/1.1\r\nHost: x\r\n\r\n",
        "G\xe4T / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nX: a\rSet-Cookie: b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_like_everything_else(site: Site, sent: str) -> None:
    said = await asyncio.to_thread(ask, site, sent)
    lines, _, body = said.partition(b"\r\n\r\n")
    assert lines.split()[1] == b"400", said
    assert b"content-type: application/json" in lines
    assert b"frame-ancestors 'none'" in lines
    assert json.loads(body)["error"]["kind"] == "http"
    assert site.said == []


async def test_a_body_that_breaks_off_after_the_answer_is_not_worth_a_word(site: Site) -> None:
    broken = ("POST /api/workflows/check", "GET /api/runs", "GET /api/events", "POST /nothing")
    for line in broken:
        with raw(site) as connection:
            more = JSON + CHUNKED if line.startswith("POST") else CHUNKED
            start = head(site, line, more).replace(site.cookie, "x" if "check" in line else site.cookie)
            await asyncio.to_thread(connection.sendall, start.encode())
            assert (await asyncio.to_thread(connection.recv, 65536)).startswith(b"HTTP/1.1 ")
            await asyncio.to_thread(connection.sendall, b"zz\r\n\r\n")
            await asyncio.to_thread(drained, connection)
    assert (await site.client.get("/api/runs")).status_code == 200
    assert site.said == []


def drained(connection: socket.socket) -> None:
    """Read until the other side ends it."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass


async def test_a_second_request_cannot_be_hidden_in_the_first(site: Site) -> None:
    hidden = head(site, "GET /api/session")
    both = head(site, "POST /api/workflows/check", f"{JSON}Content-Length: 5\r\n{CHUNKED}0\r\n\r\n{hidden}")
    with raw(site) as connection:
        await asyncio.to_thread(connection.sendall, both.encode())
        said = await asyncio.to_thread(read_all, connection)
        rest = await asyncio.to_thread(connection.recv, 65536)
    assert said.split()[1] == b"400"
    assert said.count(b"HTTP/1.1 ") == 1
    assert rest == b""


async def test_headers_are_bounded_however_they_come(site: Site) -> None:
    for size in (70_000, 200_000, 1_000_000):
        more = "".join(f"X-{n}: {'x' * 900}\r\n" for n in range(size // 900))
        try:
            said = await asyncio.to_thread(ask, site, head(site, "GET /api/session", f"{more}\r\n"))
        except ConnectionResetError:
            continue  # it was closed before all of it was sent
        assert said.split()[1] == b"400", size
        assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["kind"] in ("headers", "http")


async def test_a_body_of_very_many_fields_is_refused_at_once(site: Site) -> None:
    body = "{" + ",".join(f'"k{n}": 1' for n in range(150_000)) + "}"
    headers = {"content-type": "application/json"}
    response = await site.client.post("/api/workflows/check", content=body, headers=headers)
    assert (response.status_code, response.json()["error"]["kind"]) == (400, "body")


def test_more_connections_than_files_may_be_open_are_refused_and_nothing_is_broken(folder: object) -> None:
    few = ["sh", "-c", 'ulimit -n 200; exec "$@"', "sh", *command("ui", "--no-open")]
    with subprocess.Popen(
        few, cwd=str(folder), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base, _, token = process.stdout.readline().strip().partition("/#token=")
        port = int(base.rpartition(":")[2])
        connections = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(400)]
        try:
            with httpx.Client(base_url=base, timeout=10) as client:
                refused = client.post("/api/login", json={"token": token})
                assert (refused.status_code, refused.json()["error"]["kind"]) == (503, "busy")
            for connection in connections:
                connection.close()
            with httpx.Client(base_url=base, timeout=10) as client:
                end = time.monotonic() + 20
                while (response := client.post("/api/login", json={"token": token})).status_code == 503:
                    assert time.monotonic() < end
                    time.sleep(0.05)
                assert response.status_code == 204
                assert client.get("/api/runs").status_code == 200
        finally:
            process.terminate()
            _, said = process.communicate(timeout=10)
        assert "Traceback" not in said


@pytest.mark.campaign
async def test_a_connection_that_asks_nothing_is_closed_in_the_end(site: Site) -> None:
    """It takes the 20 seconds that everybody has."""
    with raw(site) as silent, raw(site) as half, raw(site) as again:
        silent.settimeout(40)
        half.settimeout(40)
        again.settimeout(40)
        half.sendall(b"GET / HTT")
        again.sendall(head(site, "GET /api/session", "\r\nGET / HTT").encode())
        for connection in (silent, half, again):
            await asyncio.to_thread(drained, connection)
    async with site.client.stream("GET", "/api/events", timeout=None) as response:
        assert response.status_code == 200
        await asyncio.sleep(25)  # who follows has asked, and may be silent
        assert site.served.hub.followers == 1
