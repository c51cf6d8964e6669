"""Who may ask: rows I1 to I4, I13, I14 and I19 of the matrix."""

import asyncio
import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from binex.errors import InputError, StoreError
from binex.server.app import create_api
from binex.server.hosts import Hosts
from binex.server.keys import Keys
from binex.server.serving import ServerOptions, serving
from tests.server.conftest import GOOD, OpenSite, Site

LOGIN = "/api/login"

PATHS = (
    "/api/runs",
    "/api/runs/latest",
    "/api/runs/latest/trace",
    "/api/runs/latest/graph",
    "/api/runs/latest/cost",
    "/api/runs/latest/workflow",
    "/api/runs/latest/tasks/a",
    "/api/runs/latest/calls/a:1.1",
    "/api/artifacts/x~a~output",
    "/api/artifacts/x~a~output/content",
    "/api/diff?before=latest&after=latest",
    "/api/matrix?run=latest&run=latest",
    "/api/stats",
    "/api/questions",
    "/api/workflows",
    "/api/workflows/good.yaml",
    "/api/agents?workflow=good.yaml",
    "/api/events",
    "/api/session",
    "/api/no-such-thing",
    "/api",
)
POSTS = (
    "/api/runs/latest/fork",
    "/api/runs/latest/fork/plan",
    "/api/runs/latest/replay",
    "/api/runs/latest/resume",
    "/api/runs/latest/cancel",
    "/api/questions/x/answer",
    "/api/workflows/check",
    "/api/workflows/plan",
    "/api/workflows/good.yaml/run",
)
LOOKING = ("/api/runs/latest/fork/plan", "/api/workflows/check", "/api/workflows/plan")


async def test_without_the_cookie_every_route_but_the_page_says_401(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.base) as nobody:
        for path in PATHS:
            response = await nobody.get(path)
            assert (response.status_code, response.json()["error"]["kind"]) == (401, "token"), path
        for path in POSTS:
            assert (await nobody.post(path, json={})).status_code == 401, path
        assert (await nobody.put("/api/workflows/new.yaml", json={"text": ""})).status_code == 401
        for path, method in described():
            response = await nobody.request(method, path.replace("{", "").replace("}", ""), json={})
            assert response.status_code == (422 if path == LOGIN else 401), (path, method)
        page = await nobody.get("/")
        assert page.status_code == 200
        assert "set-cookie" not in page.headers


async def test_a_wrong_token_opens_nothing_and_a_wrong_cookie_neither(site: Site) -> None:
    name = f"binex-{site.served.port}"
    async with httpx.AsyncClient(base_url=site.base) as nobody:
        for token in ("", "x", site.served.token[:-1], f"{site.served.token} ", "ä" * 43):
            response = await nobody.post("/api/login", json={"token": token})
            assert response.status_code == 401, token
            assert "set-cookie" not in response.headers
        guesses = ("", "x", site.served.token, hashlib.sha256(site.served.token.encode()).hexdigest())
        for value in guesses:
            response = await nobody.get("/api/runs", headers={"cookie": f"{name}={value}"})
            assert response.status_code == 401, value


async def test_the_cookie_is_for_this_server_alone_and_for_no_script(site: Site) -> None:
    response = await site.client.post("/api/login", json={"token": site.served.token})
    cookie = response.headers["set-cookie"]
    assert cookie.startswith(f"binex-{site.served.port}=")
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert site.served.token not in cookie


async def test_the_address_has_the_token_behind_the_sign_that_no_browser_sends(site: Site) -> None:
    before, _, behind = site.served.url.partition("#")
    assert site.served.token not in before
    assert behind == f"token={site.served.token}"
    assert len(site.served.token) >= 40


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "localhost",
        "localhost:1",
        "127.0.0.1.evil.example:{port}",
        "[::1",
        "",
        "10.0.0.1:{port}",
        "localhost:{port}:80",
        "127.0.0.1:{port}@evil.example",
        "127.0.0.1:0{port}",
        "localhost.:{port}",
        "127.0.0.1.:{port}",
        "127.1:{port}",
        "2130706433:{port}",
        "0.0.0.0:{port}",
        "[::]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "[::1%25lo]:{port}",
        "::1:{port}",
        "[127.0.0.1]:{port}",
        "x.localhost:{port}",
        "127.0.0.1.nip.io:{port}",
        "127.0.0.1:{port},evil.example",
    ],
)
async def test_another_host_is_refused(site: Site, host: str) -> None:
    headers = {"host": host.format(port=site.served.port)}
    response = await site.client.get("/api/runs", headers=headers)
    assert response.status_code in ((421, 400) if not host else (421,))
    assert (await site.client.get("/", headers=headers)).status_code == response.status_code


async def test_the_names_of_loopback_are_the_servers_own(site: Site) -> None:
    for host in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]", "127.0.0.2"):
        headers = {"host": f"{host}:{site.served.port}", "cookie": site.cookie}
        assert (await site.client.get("/api/session", headers=headers)).status_code == 200, host


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://localhost"},
        {"origin": "https://127.0.0.1:{port}"},
        {"origin": "http://localhost:{port}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "null"},
        {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "cross-site"},
    ],
)
async def test_what_another_site_asks_for_is_refused(site: Site, headers: dict[str, str]) -> None:
    sent = {name: value.format(port=site.served.port) for name, value in headers.items()}
    for response in (
        await site.client.get("/api/runs", headers=sent),
        await site.client.post("/api/workflows/good.yaml/run", json={}, headers=sent),
        await site.client.post("/api/login", json={"token": site.served.token}, headers=sent),
        await site.client.get("/", headers=sent),
    ):
        assert response.status_code == 403
        assert not [name for name in response.headers if name.startswith("access-control")]


async def test_the_page_itself_may_ask(site: Site) -> None:
    headers = {"origin": site.base, "sec-fetch-site": "same-origin"}
    assert (await site.client.get("/api/runs", headers=headers)).status_code == 200


async def test_no_preflight_is_answered(site: Site) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    response = await site.client.options("/api/runs/latest/fork", headers=headers)
    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonp",
        "text/json",
        "application/json; charset=utf-16",
        "application/json, text/plain",
    ],
)
async def test_only_json_is_taken(site: Site, kind: str) -> None:
    for path in ("/api/workflows/good.yaml/run", "/api/login"):
        response = await site.client.post(path, content=b'{"token": "x"}', headers={"content-type": kind})
        assert response.status_code == 415
    assert (await site.json("/api/runs"))["runs"] == []


async def test_a_post_without_a_body_is_refused(site: Site) -> None:
    assert (await site.client.post("/api/workflows/good.yaml/run")).status_code == 415
    headers = {"content-type": "application/json"}
    assert (await site.client.post("/api/workflows/good.yaml/run", headers=headers)).status_code == 400


async def test_every_answer_forbids_frames_sniffing_and_scripts_of_others(site: Site) -> None:
    for path in ("/", "/api/runs", "/api/nothing", "/nothing.js", "/runs/x"):
        headers = (await site.client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


async def test_no_description_of_the_api_and_no_figures_are_served(site: Site) -> None:
    for path in ("/docs", "/redoc", "/openapi.json", "/metrics", "/api/docs", "/api/openapi.json", "/docs/oauth2"):
        assert (await site.client.get(path)).status_code == 404, path


async def test_another_address_needs_a_token_and_somebody_who_says_so(folder: object, tmp_path: object) -> None:
    directory = Path(str(folder)) / ".binex"
    for options in ({}, {"is_exposed": True}, {"token": "a-token-of-many-letters"}):
        with pytest.raises(InputError, match=r"other machines could reach 0\.0\.0\.0"):
            async with serving(ServerOptions(directory, host="0.0.0.0", **options)):  # type: ignore[arg-type]
                pass


async def test_a_token_is_long_and_can_be_typed() -> None:
    for token in ("", "short", "ä" * 30, "x" * 600, "a token with\nline ends in it"):
        if token:
            with pytest.raises(InputError, match="a token needs"):
                Keys(token, 1)
    assert Keys("a-token-of-many-letters", 1).token == "a-token-of-many-letters"


async def test_the_page_stays_open_over_a_restart_with_the_same_token(open_site: OpenSite) -> None:
    first = Keys("a-token-of-many-letters", 8000)
    assert Keys("a-token-of-many-letters", 8000).is_known([first.set_cookie.split(";")[0].encode()])
    assert not Keys("a-token-of-other-letters", 8000).is_known([first.set_cookie.split(";")[0].encode()])


def test_elsewhere_a_name_that_others_control_is_still_refused() -> None:
    hosts = Hosts("0.0.0.0", 8000)
    assert hosts.is_own(b"192.168.1.7:8000")
    assert hosts.is_own(b"localhost:8000")
    assert not hosts.is_own(b"evil.example:8000")
    assert not hosts.is_own(b"192.168.1.7:80")


async def test_a_port_that_is_taken_is_an_error_in_words(site: Site, folder: object) -> None:
    with pytest.raises(StoreError, match=f"cannot listen on 127.0.0.1:{site.served.port}"):
        async with serving(ServerOptions(Path(str(folder)) / ".binex", port=site.served.port)):
            pass


async def test_a_server_that_only_shows_refuses_everything_else(open_site: OpenSite) -> None:
    site = await open_site(is_read_only=True)
    run = (await site.run_elsewhere()).run_id
    for path in set(POSTS) - set(LOOKING):
        response = await site.client.post(path, json={})
        assert (response.status_code, response.json()["error"]["kind"]) == (403, "read_only"), path
    response = await site.client.put("/api/workflows/new.yaml", json={"text": ""}, headers={"if-none-match": "*"})
    assert response.status_code == 403
    assert (await site.client.get("/api/agents?workflow=good.yaml&check=true")).status_code == 403
    assert not (site.folder / "new.yaml").exists()
    assert [found["id"] for found in (await site.json("/api/runs"))["runs"]] == [run]
    assert (await site.json("/api/session"))["read_only"] is True


async def test_a_server_that_only_shows_answers_what_only_looks(open_site: OpenSite) -> None:
    site = await open_site(is_read_only=True)
    run = (await site.run_elsewhere()).run_id
    before = contents(site.folder)
    change = {"fields": [{"node": "b", "path": ["inputs", "value"], "value": "changed"}]}
    plan = await site.post(f"/api/runs/{run}/fork/plan", change)
    assert {node["node"]: node["decision"] for node in plan["nodes"]} == {"a": "reused", "b": "run"}
    assert (await site.post("/api/workflows/check", {"text": GOOD}))["is_usable"]
    assert await site.post("/api/workflows/plan", {"text": GOOD, "name": "good.yaml"})
    assert contents(site.folder) == before
    for path in (f"/api/runs/{run}/fork/plan/x", f"/api/runs/{run}/x/fork/plan", "/api/workflows/check/run"):
        assert (await site.client.post(path, json={})).status_code == 403
    response = await site.client.put("/api/workflows/check", json={"text": ""}, headers={"if-none-match": "*"})
    assert response.status_code == 403


async def test_whoever_tries_tokens_is_answered_one_after_the_other_and_shuts_nobody_out(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.base) as nobody:
        tried = asyncio.gather(*(nobody.post("/api/login", json={"token": f"{n}" * 43}) for n in range(10)))
        response = await site.client.post("/api/login", json={"token": site.served.token})
        assert response.status_code == 204
        assert not tried.done()
        assert {response.status_code for response in await tried} == {401}
        large = await nobody.post("/api/login", json={"token": "x" * 5_000})
        assert (large.status_code, large.json()["error"]["kind"]) == (413, "body")


async def test_two_headers_are_as_strict_as_the_stricter_one(site: Site) -> None:
    own = [("sec-fetch-site", "same-origin"), ("origin", site.base)]
    for odd in (("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")):
        for headers in ([*own, odd], [odd, *own]):
            assert (await site.client.get("/api/runs", headers=headers)).status_code == 403


async def test_of_several_cookies_of_one_name_the_right_one_counts_and_those_of_other_ports_do_not(site: Site) -> None:
    name, _, value = site.cookie.partition("=")
    async with httpx.AsyncClient(base_url=site.base) as nobody:
        for cookie, status in {
            f"{name}=evil; {name}={value}": 200,
            f"{name}={value}; {name}=evil": 200,
            f"binex-1={value}": 401,
            f"{name.upper()}={value}": 401,
            f'{name}="{value}"': 401,
            f"x={name}={value}": 401,
        }.items():
            response = await nobody.get("/api/session", headers={"cookie": cookie})
            assert response.status_code == status, cookie
        for path in (f"/api/session?token={site.served.token}", f"/api/session?{name}={value}"):
            assert (await nobody.get(path)).status_code == 401
        bearer = {"authorization": f"Bearer {site.served.token}"}
        assert (await nobody.get("/api/session", headers=bearer)).status_code == 401


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "DELETE", "PATCH", "PROPFIND"])
async def test_other_methods_are_refused_by_name_with_those_that_there_are(site: Site, method: str) -> None:
    response = await site.client.request(method, "/api/runs")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"
    assert response.headers["content-type"] == "application/json"
    if method != "HEAD":
        assert (await site.client.request(method, "/")).status_code == 405


async def test_a_web_socket_is_none(site: Site) -> None:
    headers = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
    headers["sec-websocket-key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    response = await site.client.get("/api/session", headers=headers)
    assert response.status_code == 200
    assert "upgrade" not in response.headers


def contents(folder: Path) -> dict[Path, bytes]:
    """What is in the files of a folder, but for those that SQLite makes to read."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".db-shm", ".db-wal"))
    return {path: path.read_bytes() for path in found}


def described() -> set[tuple[str, str]]:
    """Every route, with its method."""
    parts: Any = SimpleNamespace(**dict.fromkeys(("reader", "executions", "hub", "watching", "keys")), folder=".")
    parts.is_read_only, parts.directory, parts.who = False, ".", ""
    paths = create_api(parts, lambda _: None).openapi()["paths"]
    return {(path, method) for path, known in paths.items() for method in known}


def test_the_lists_above_name_every_route() -> None:
    """A route that is added is tried without the cookie as well."""
    methods = described()
    assert {method for _, method in methods} == {"get", "post", "put"}
    assert len([path for path, method in methods if method == "post"]) == len(POSTS) + 1
    assert all(path.startswith("/api/") for path, _ in methods)
