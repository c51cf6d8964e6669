"""Many calls of a model at once: as a whole run, through our backend alone, or through pydantic-ai alone.

python -m benchmarks.model_calls {run,backend,bare,bare-spread} --calls 1000 --seconds 1 --result FILE
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

Ask = Callable[[], Awaitable[str]]


WORKFLOW = """
concurrency: {calls}
nodes:
  count: {{agent: local://echo, inputs: {{list: [{items}]}}}}
  ask:
    foreach: ${{count.output}}
    max_items: {calls}
    agent: llm://openai/gpt-4o-mini
    system_prompt: Be brief.
    inputs: {{question: "Hello?"}}
    config: {{temperature: 0, api_base: "{base}", api_key: key}}
"""


async def measure_run(base: str, calls: int) -> dict[str, float]:
    """The same of a run with a node that asks *calls* times: its store, its tape and its prices included."""
    import binex
    from binex.loader import parse_workflow

    def workflow(count: int) -> binex.WorkflowSpec:
        return parse_workflow(WORKFLOW.format(calls=count, items=", ".join(map(str, range(count))), base=base))

    with tempfile.TemporaryDirectory() as folder:
        async with binex.open_session(Path(folder) / ".binex") as session:
            await session.run(workflow(1))
            whole = workflow(calls)
            wall, cpu = time.perf_counter(), time.process_time()
            summary = await session.run(whole)
            cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    assert summary.outputs["ask"]["output"] == ["Hello there"] * calls
    return cost


async def backend(base: str) -> Ask:
    """One call through our backend."""
    from binex.adapters.llm.port import Connection, Message, ModelRequest, TextDelta
    from binex.adapters.llm.pydantic_ai_backend import PydanticAiBackend

    speaker, connection = PydanticAiBackend(), Connection(api_base=base, api_key="key")
    messages = (Message(role="system", content="Be brief."), Message(role="user", content="Hello?"))

    async def ask() -> str:
        request = ModelRequest(provider="openai", model="gpt-4o-mini", messages=messages, settings={"temperature": 0})
        events = speaker.stream(request, connection)
        return "".join([event.text async for event in events if isinstance(event, TextDelta)])

    return ask


async def bare(base: str) -> Ask:
    """The same call through `pydantic_ai.direct`, with limits like ours, but all the time it wants to connect."""
    import httpx2

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=30)
    timeout = httpx2.Timeout(None)
    return _direct(base, httpx2.AsyncClient(timeout=timeout, limits=limits, headers={"Accept-Encoding": "identity"}))


async def bare_spread(base: str) -> Ask:
    """The same, over the very HTTP client that our backend uses."""
    from binex.adapters.llm.http_clients import http_client, loop_clients

    return _direct(base, http_client(await loop_clients(), base))


def _direct(base: str, http: "httpx2.AsyncClient") -> Ask:
    from openai import AsyncOpenAI
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.messages import ModelRequest, SystemPromptPart, TextPart, UserPromptPart
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(api_key="key", base_url=base, max_retries=0, timeout=http.timeout, http_client=http)
    model = OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))

    async def ask() -> str:
        messages = [ModelRequest(parts=[SystemPromptPart("Be brief."), UserPromptPart("Hello?")])]
        async with model_request_stream(model, messages, model_settings={"temperature": 0}) as stream:
            async for _ in stream:
                pass
        return "".join(part.content for part in stream.get().parts if isinstance(part, TextPart))

    return ask


async def measure(make: Callable[[str], Awaitable[Ask]], base: str, calls: int) -> dict[str, float]:
    """Seconds and CPU seconds of *calls* calls at once, after one to warm up."""
    ask = await make(base)
    await ask()
    wall, cpu = time.perf_counter(), time.process_time()
    texts = await asyncio.gather(*(ask() for _ in range(calls)))
    cost = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    assert set(texts) == {"Hello there"}
    return cost


CONTESTANTS = {"backend": backend, "bare": bare, "bare-spread": bare_spread}


def main() -> None:
    """Start the server, measure, and write the figures to the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("who", choices=["run", *CONTESTANTS])
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--result", type=Path, required=True)
    options = parser.parse_args()
    command = [sys.executable, "-m", "tests.model_server", str(options.seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        base = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        measuring = measure_run if options.who == "run" else partial(measure, CONTESTANTS[options.who])
        cost = asyncio.run(measuring(base, options.calls))
        server.stdin.close()
    options.result.write_text(json.dumps(cost))


if __name__ == "__main__":
    main()
