"""Requests made at random from the description of the API: whatever is asked, it answers in JSON and goes on."""

import json
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binex.server.app import create_api
from tests.server.conftest import OpenSite

TEXT = st.one_of(
    st.sampled_from(["latest", "a", "b", "good.yaml", "latest~1", "b:1.1", "", "1", "true"]), st.text(max_size=30)
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
_SLOW = {HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much}


def described() -> list[tuple[str, str, Any]]:
    """Every route: its path, its method, and what it takes."""
    from types import SimpleNamespace

    parts: Any = SimpleNamespace(reader=None, executions=None, hub=None, watching=None, keys=None, folder=".")
    parts.is_read_only, parts.directory, parts.who = False, ".", ""
    api = create_api(parts, lambda _: None).openapi()
    found = []
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            name = body.get("$ref", "").rpartition("/")[2]
            fields = api["components"]["schemas"].get(name, {}).get("properties", {})
            found.append((path, method, (operation.get("parameters", []), list(fields))))
    return [one for one in found if one[0] not in ("/api/events", "/api/login")]


ROUTES = described()


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes | None]:
    """A method, an address and a body."""
    path, method, (parameters, fields) = draw(st.sampled_from(ROUTES))
    query = []
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(draw(TEXT), safe="", errors="replace") or "x")
        elif parameter["in"] == "query" and (parameter.get("required") or draw(st.booleans())):
            query += [(parameter["name"], draw(TEXT))] * draw(st.integers(1, 2))
    if query:
        path += "?" + urlencode(query, errors="replace")
    if method == "get":
        return method, path, None
    names = st.sampled_from(fields) if fields else st.just("x")
    body = draw(st.dictionaries(names, VALUE, max_size=4) | VALUE)
    return method, path, json.dumps(body).encode()


@pytest.mark.parametrize("is_read_only", [False, True])
async def test_whatever_is_asked_is_answered(open_site: OpenSite, is_read_only: bool) -> None:
    """The client asks from a thread, since examples are drawn outside the loop."""
    import asyncio

    site = await open_site(is_read_only=is_read_only)
    await site.run_elsewhere()
    await site.run_elsewhere("gate.yaml")
    cookies = dict(site.client.cookies)

    def ask_many() -> None:
        with httpx.Client(base_url=site.base, cookies=cookies, timeout=20) as client:

            @settings(max_examples=250, suppress_health_check=list(_SLOW), database=None)
            @given(requests())
            def ask(request: tuple[str, str, bytes | None]) -> None:
                method, path, body = request
                headers = {} if body is None else {"content-type": "application/json"}
                response = client.request(method, path, content=body, headers=headers)
                assert response.status_code < 500, (method, path, body, response.text)
                if response.headers["content-type"] == "application/json":
                    json.loads(response.content)
                elif not path.startswith("/api/artifacts/"):
                    raise AssertionError(f"{path}: {response.headers['content-type']}")

            ask()

    await asyncio.to_thread(ask_many)
    assert site.said == []
    assert (await site.client.get("/api/runs")).status_code == 200
