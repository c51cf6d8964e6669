"""Requests that mean harm: rows I5, I7, I11 and I12 of the matrix."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.server.conftest import Site, command, environment, raw

CANARY = "canary-9f2e7c"
STEPS_UP = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "%252e%252e%252f",
    "..%5c",
    "..\\",
    "%2e%2e%5c",
    "..%c0%af",
    "%c0%ae%c0%ae/",
    "%e0%80%ae%e0%80%ae/",
    "..;/",
    "%uff0e%uff0e/../",
    "%ef%bc%8e%ef%bc%8e/",
    "....//",
    ".%00./../",
)
ODD_IDS = (
    "...",
    "..x",
    "*",
    " ",
    "%",
    "~",
    "~~",
    "x" * 5_000,
    "\x00",
    "a\x00b",
    "\n",
    "\x1b[31m",
    "\u202e",
    "\ud83d\ude00",
    "ﬀ",
    "' OR 1=1 --",
    '"',
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "latest~999999999",
    "latest~99999999999999999999",
    "-1",
    "null",
    "${user.x}",
    "{{7*7}}",
    "a:1.2:3",
    "9" * 400,
    "con",
)
ADDRESSES = (
    "/api/runs/{}",
    "/api/runs/{}/trace",
    "/api/runs/{}/graph",
    "/api/runs/{run}/tasks/{}",
    "/api/runs/{run}/tasks/{}/why",
    "/api/runs/{run}/calls/{}",
    "/api/runs/{run}/lineage?artifact={}",
    "/api/runs?workflow={}&limit=1",
    "/api/artifacts/{}",
    "/api/artifacts/{}/content",
    "/api/diff?before={}&after={run}",
    "/api/matrix?run={run}&run={}",
    "/api/stats?workflow={}",
    "/api/questions?run={}",
    "/api/workflows/{}",
    "/api/agents?workflow={}",
    "/api/events?run={}",
)


def ask(site: Site, head: str, body: bytes = b"") -> bytes:
    """All that comes back on a connection on which exactly these bytes were sent."""
    with raw(site) as connection:
        connection.sendall(head.encode("latin-1") + body)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    said = b""
    while b"\r\n\r\n" not in said:
        if not (piece := connection.recv(65536)):
            return said
        said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length")), 0)
    while len(body) < length and (piece := connection.recv(65536)):
        body += piece
    return head + b"\r\n\r\n" + body


@pytest.mark.parametrize("step", STEPS_UP)
async def test_no_way_of_writing_two_dots_leads_anywhere(site: Site, step: str) -> None:
    (site.folder.parent / "canary.yaml").write_text(f"nodes: {{}}  # {CANARY}")
    (site.folder / "canary.txt").write_text(CANARY)
    name = "canary.yaml"
    places = ("/", "/assets/", "/api/workflows/", "/api/artifacts/", "/api/runs/", "/api/runs/latest/tasks/")
    for place in places:
        for target in (f"{place}{step}{name}", f"{place}{step * 5}etc/passwd", f"{place}x/{step}{step}{name}"):
            head = (
                f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{site.served.port}\r\nCookie: {site.cookie}\r\n"
                "Connection: close\r\n\r\n"
            )
            said = await asyncio.to_thread(ask, site, head)
            assert said.split()[1] == b"400", (target, said[:200])
            assert CANARY.encode() not in said
            assert b"root:" not in said


async def test_an_address_that_names_another_server_is_none(site: Site) -> None:
    for target in ("http://evil.example/api/runs", "http://127.0.0.1/../../etc/passwd", "*", "//evil.example/"):
        head = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{site.served.port}\r\nCookie: {site.cookie}\r\n"
        said = await asyncio.to_thread(ask, site, f"{head}Connection: close\r\n\r\n")
        assert said.split()[1] == b"400", target


async def test_two_hosts_are_refused(site: Site) -> None:
    own = f"Host: 127.0.0.1:{site.served.port}\r\n"
    for hosts in (f"{own}Host: evil.example\r\n", f"{own}{own}"):
        said = await asyncio.to_thread(ask, site, f"GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")
        assert said.split()[1] in (b"400", b"421")


@pytest.mark.parametrize("address", ADDRESSES)
async def test_odd_ids_are_unknown_and_no_error_of_the_server(site: Site, address: str) -> None:
    run = (await site.run_elsewhere()).run_id
    for id in ODD_IDS:
        path = address.replace("{run}", run).replace("{}", quote(id, safe="", errors="surrogatepass"))
        async with site.client.stream("GET", path) as response:
            if "workflow={}" in address and address.startswith("/api/runs") and response.status_code == 200:
                assert json.loads(await response.aread())["runs"] == []
                continue
            assert 400 <= response.status_code < 500, (path, response.status_code)
            error = json.loads(await response.aread())["error"]
            assert error["message"]
            assert error["kind"]
    assert site.said == []


@pytest.mark.parametrize("suffix", ["resume", "replay", "cancel", "fork", "fork/plan"])
async def test_odd_ids_execute_nothing(site: Site, suffix: str) -> None:
    for id in ODD_IDS:
        path = f"/api/runs/{quote(id, safe='', errors='surrogatepass')}/{suffix}"
        response = await site.client.post(path, json={})
        assert 400 <= response.status_code < 500, path
        assert response.json()["error"]["kind"] in ("missing", "address", "input", "method")
    response = await site.client.post("/api/questions/no%7Esuch%7Eone/answer", json={"answer": "yes"})
    assert response.status_code == 404
    assert site.said == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/login", {"token": 1}),
        ("/api/login", {"token": "x", "more": 1}),
        ("/api/login", []),
        ("/api/login", None),
        ("/api/runs/latest/fork", {"from": "a"}),
        ("/api/runs/latest/fork", {"from": [1]}),
        ("/api/runs/latest/fork", {"fields": [{"node": "a", "path": [], "value": 1}]}),
        ("/api/runs/latest/fork", {"max_cost": -1}),
        ("/api/runs/latest/fork", {"max_cost": 1e400}),
        ("/api/runs/latest/fork", {"unknown": 1}),
        ("/api/runs/latest/fork", {"workflow": "../x.yaml"}),
        ("/api/runs/latest/fork", {"fields": [{"node": "no", "path": "agent", "value": "local://echo"}]}),
        ("/api/runs/latest/fork", {"fields": [{"node": "a", "path": "system_prompt", "value": "file:///etc/passwd"}]}),
        ("/api/runs/latest/fork", {"fields": [{"node": "a", "path": "__class__.x", "value": 1}], "from": ["a"]}),
        ("/api/runs/latest/fork", {"from": ["a"], "edits": [{"task": "b", "output": "no", "value": 1}]}),
        ("/api/runs/latest/resume", {"vars": []}),
        ("/api/runs/latest/cancel", {"x": 1}),
        ("/api/workflows/check", {"text": 1}),
        ("/api/workflows/good.yaml/run", {"vars": {"no-such": 1}}),
        ("/api/workflows/missing.yaml/run", {}),
        ("/api/workflows/steps.py/run", {}),
    ],
)
async def test_bodies_that_do_not_fit_are_refused_in_words(site: Site, path: str, body: object) -> None:
    run = (await site.run_elsewhere()).run_id
    said = json.dumps(body).replace("Infinity", "1e400").encode()
    response = await site.client.post(path, content=said, headers={"content-type": "application/json"})
    assert response.status_code in (400, 404, 422), response.text
    assert response.json()["error"]["message"]
    assert [found["id"] for found in (await site.json("/api/runs"))["runs"]] == [run]
    assert site.said == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"NaN",
        b'{"token": NaN}',
        b'{"token": Infinity}',
        b"[" * 100000,
        b'{"a":' * 100000,
        b"\xff\xfe{}",
        b"[" * 65 + b"]" * 65,
        b'{"token": "\\ud800"}',
        b"{} {}",
        b"'x'",
        b"\x00",
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_is_no_json_or_too_deep_is_refused(site: Site, body: bytes) -> None:
    for path in ("/api/workflows/check", "/api/login"):
        response = await site.client.post(path, content=body, headers={"content-type": "application/json"})
        is_long = path == "/api/login" and len(body) > 4096
        assert (response.status_code, response.json()["error"]["kind"]) == (413 if is_long else 400, "body")


async def test_what_is_just_deep_enough_is_read(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    deep = json.loads("[" * 60 + "]" * 60)
    made = (await site.post(f"/api/runs/{run}/fork", {"variables": {"text": deep}}))["run"]
    found = await site.ended(made)
    assert found["run"]["variables"]["text"] == deep


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "offset=-1",
        "offset=1e9",
        f"offset={'9' * 30}",
        "min_cost=nan",
        "min_cost=-1",
        "max_cost=inf",
        "since=yesterday",
        "since=0001-01-01T00:00:00%2B14:00",
        "status=odd",
        "origin=x",
        "var=novalue",
        f"text={'x' * 1001}",
        "text=%00",
        "text=!!!",
    ],
)
async def test_lists_are_bounded(site: Site, query: str) -> None:
    await site.run_elsewhere()
    response = await site.client.get(f"/api/runs?{query}")
    assert response.status_code in (200, 422), response.text
    assert "no clock" not in response.text
    if not query.startswith("text=%00"):
        assert response.status_code == 422


@pytest.fixture
def served_alone(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A server in a process of its own: the process, the address and the token."""
    with subprocess.Popen(
        command("ui", "--no-open"), cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base, _, token = process.stdout.readline().strip().partition("/#token=")
        try:
            yield process, base, token
        finally:
            process.terminate()
            process.wait(10)


def resident(process: "subprocess.Popen[str]") -> int:
    """What a process has in memory, at most so far, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_large_requests_take_no_memory(served_alone: "tuple[subprocess.Popen[str], str, str]") -> None:
    process, base, token = served_alone
    port = int(base.rpartition(":")[2])
    with httpx.Client(base_url=base) as client:
        assert client.post("/api/login", json={"token": token}).status_code == 204
        client.get("/api/runs")
        client.post("/api/workflows/check", json={"text": "name: x"})
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        before = resident(process)
        head = f"POST /api/workflows/check HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n"
        head += "Content-Type: application/json\r\n"
        assert flood(port, f"{head}Content-Length: {64 * 2**20}\r\n\r\n", b"x" * 2**16, 1024) in (413, 0)
        chunk = b"%x\r\n%b\r\n" % (2**16, b" " * 2**16)
        assert flood(port, f"{head}Transfer-Encoding: chunked\r\n\r\n", chunk, 1024) in (413, 0)
        assert flood(port, f"{head}Content-Length: 100000\r\n\r\n", b"[" * 100_000, 1) == 400
        many = b"[" + b"0," * 900_000 + b"0]"
        assert client.post("/api/workflows/check", content=many, headers={"content-type": "application/json"})
        assert flood(port, f"GET /{'x' * 200_000} HTTP/1.1\r\n\r\n", b"", 0) in (400, 0)
        assert flood(port, f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX: {'x' * 200_000}\r\n\r\n", b"", 0) in (
            400,
            0,
        )
        assert flood(port, f"GET /?{'x' * 60_000} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", b"", 0) == 400
        assert client.get("/api/runs").status_code == 200
        assert resident(process) - before < 50 * 2**20


def flood(port: int, head: str, piece: bytes, times: int) -> int:
    """The status that comes back; 0 where the connection is closed before anything could be read."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(head.encode())
            for _ in range(times):
                connection.sendall(piece)
        except OSError:
            pass  # it does not listen any more, and has said why
        try:
            said = connection.recv(4096)
        except OSError:
            return 0
    return int(said.split()[1]) if said else 0


async def test_half_open_connections_hold_nobody_up(site: Site) -> None:
    connections = [socket.create_connection(("127.0.0.1", site.served.port)) for _ in range(200)]
    try:
        for index, connection in enumerate(connections):
            if index % 2:
                connection.sendall(b"POST /api/workflows/check HTTP/1.1\r\nHost: 127.0")
        took = []
        for _ in range(5):
            began = time.monotonic()
            async with httpx.AsyncClient(base_url=site.base, cookies=site.client.cookies) as another:
                assert (await another.get("/api/runs")).status_code == 200
            took.append(time.monotonic() - began)
        assert min(took) < 1  # promised
    finally:
        for connection in connections:
            connection.close()
