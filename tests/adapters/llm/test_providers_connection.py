"""Where a request goes, with which key, and what stays behind: nothing of one node at another, nothing at the end."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from binex.adapters.llm.port import Connection, ModelRequest
from binex.adapters.llm.providers import PROVIDERS, endpoint_of
from binex.adapters.llm.pydantic_ai_backend import PydanticAiBackend
from binex.errors import AgentError, AuthenticationError
from tests.adapters.llm.asking import HI, MODELS, ask, backend_for, request_to, stream
from tests.model_server import PROTOCOLS, Answer, ModelServer, Protocol

each = pytest.mark.parametrize("protocol", PROTOCOLS)
KEY_HEADERS = {
    "openai": ("authorization", "Bearer {}"),
    "anthropic": ("authorization", "Bearer {}"),
    "google": ("x-goog-api-key", "{}"),
    "ollama": ("authorization", "Bearer {}"),
}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for name in provider.key_variables:
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


async def _ask(protocol: Protocol, connection: Connection) -> None:
    async for _ in backend_for(protocol).stream(request_to(protocol), connection):
        pass


@each
async def test_the_nodes_own_key_goes_before_that_of_the_environment(
    protocol: Protocol, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = PROVIDERS[MODELS[protocol][0]].key_variables[0]
    monkeypatch.setenv(variable, "from-outside")
    base = server.url(protocol)
    await _ask(protocol, Connection(api_base=base))
    await _ask(protocol, Connection(api_base=base, api_key="of-the-node"))
    await _ask(protocol, Connection(api_base=base))
    header, form = KEY_HEADERS[protocol]
    keys = [seen.headers[header] for seen in server.requests]
    assert keys == [form.format(key) for key in ("from-outside", "of-the-node", "from-outside")]


@each
async def test_headers_of_one_node_are_not_those_of_the_next(protocol: Protocol, server: ModelServer) -> None:
    base = server.url(protocol)
    await _ask(protocol, Connection(api_base=base, headers={"X-Team": "red"}))
    await _ask(protocol, Connection(api_base=base))
    assert [seen.headers.get("x-team") for seen in server.requests] == ["red", None]


@each
async def test_a_server_of_ones_own_needs_no_key(protocol: Protocol, server: ModelServer) -> None:
    await _ask(protocol, Connection(api_base=server.url(protocol)))
    assert len(server.requests) == 1


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini", "groq"])
async def test_a_missing_key_is_told_before_anything_is_sent(provider: str) -> None:
    request = ModelRequest(provider=provider, model="m", messages=HI)
    with pytest.raises(AuthenticationError) as caught:
        async for _ in PydanticAiBackend().stream(request, Connection()):
            pass
    variable = PROVIDERS[provider].key_variables[0]
    assert variable in caught.value.message
    assert "config.api_key" in caught.value.message
    assert f"export {variable}" in (caught.value.fix or "")
    assert not caught.value.is_retryable


@pytest.mark.parametrize("api_base", ["nowhere", "ftp://host/", "http://", "http://host:99999/", "https://[::1"])
def test_an_address_that_is_none_is_refused(api_base: str) -> None:
    with pytest.raises(AgentError, match="is no address"):
        endpoint_of("openai", Connection(api_base=api_base, api_key="k"))


def test_a_provider_without_an_address_of_its_own_needs_one() -> None:
    with pytest.raises(AgentError, match=r"config\.api_base"):
        endpoint_of("azure", Connection(api_key="k"))


async def test_azure_gets_its_api_version(server: ModelServer) -> None:
    request = ModelRequest(provider="azure", model="mine", messages=HI)
    connection = Connection(api_base=server.url(), api_key="k", options={"api_version": "preview"})
    async for _ in PydanticAiBackend().stream(request, connection):
        pass
    assert server.requests[0].path == "/v1/chat/completions?api-version=preview"


@pytest.mark.parametrize(("provider", "is_told"), [("openai", True), ("groq", False)])
async def test_what_the_environment_says_for_openai_is_told_to_nobody_else(
    provider: str, is_told: bool, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway-Key: canary")
    request = ModelRequest(provider=provider, model="mine", messages=HI)
    async for _ in PydanticAiBackend().stream(request, Connection(api_base=server.url(), api_key="k")):
        pass
    told = {"openai-organization", "openai-project", "x-gateway-key"} & server.requests[0].headers.keys()
    assert len(told) == (3 if is_told else 0)


@each
async def test_the_models_can_be_listed(protocol: Protocol, server: ModelServer) -> None:
    connection = Connection(api_base=server.url(protocol), api_key="k")
    listed = await backend_for(protocol).list_models(MODELS[protocol][0], connection)
    assert listed == ["the-model", "another-model"]


@each
async def test_cookies_of_a_provider_are_not_kept(protocol: Protocol, server: ModelServer) -> None:
    await ask(protocol, server)
    await ask(protocol, server)
    assert "cookie" not in server.requests[1].headers


@each
async def test_leaving_a_reply_closes_its_connection_at_once(protocol: Protocol, server: ModelServer) -> None:
    server.replies = [Answer(["a", "b"], cut=1, end="hang")]
    async with aclosing(stream(protocol, server)) as events:  # type: ignore[type-var]  # it is a generator
        await anext(events)
    assert await asyncio.to_thread(server.requests[0].left.wait, 5)


@each
async def test_calls_one_after_the_other_share_a_connection(protocol: Protocol, server: ModelServer) -> None:
    await asyncio.gather(*(ask(protocol, server) for _ in range(40)))
    server.requests.clear()
    for _ in range(5):
        await ask(protocol, server)
    assert len({seen.connection for seen in server.requests}) == 1


@each
async def test_a_connection_that_was_closed_is_used_no_more(protocol: Protocol, server: ModelServer) -> None:
    await ask(protocol, server)
    await PydanticAiBackend().close()
    await ask(protocol, server)
    first, second = (seen.connection for seen in server.requests)
    assert first != second


@pytest.mark.parametrize("backend", ["pydantic_ai_backend", "ollama_backend", "providers", "settings_tables"])
def test_importing_a_backend_loads_no_library_of_a_provider(backend: str) -> None:
    code = (
        f"import sys, binex.adapters.llm.{backend} as m\n"
        "cls = getattr(m, 'PydanticAiBackend', None) or getattr(m, 'OllamaBackend', None)\n"
        "cls and cls().faults(cls.providers[0], 'm', {'temperature': 9})\n"
        "heavy = {'pydantic_ai', 'openai', 'anthropic', 'google.genai', 'ollama', 'httpx', 'httpx2', 'genai_prices'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_process_ends_without_warnings_and_with_its_connections_closed(server: ModelServer) -> None:
    code = (
        "import asyncio, sys\n"
        "from tests.adapters.llm.asking import PydanticAiBackend, OllamaBackend, Connection, request_to\n"
        "async def main():\n"
        "    for protocol in ('openai', 'anthropic', 'google', 'ollama'):\n"
        "        backend = OllamaBackend() if protocol == 'ollama' else PydanticAiBackend()\n"
        "        base = sys.argv[1] + ('/v1' if protocol == 'openai' else '')\n"
        "        async for _ in backend.stream(request_to(protocol), Connection(api_base=base)): pass\n"
        "asyncio.run(main()); asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", code, server.url("google")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "Warning" not in done.stderr, done.stderr
    assert len(server.requests) == 8
