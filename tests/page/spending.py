"""Runs that cost something, on several days: executed here today, and brought in from another program before."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from binex.models.change import Change, ChangeKind
from binex.models.task import now
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import open_session
from binex.stores.backends.sqlite import open_sqlite_store
from binex.telemetry.foreign.importing import import_traces
from tests.telemetry.traces import MS, START, failed, request, span

DAYS: Final = 12
"""On so many days before today something was brought in."""
ELSEWHERE: Final = ("triage", "support", "summaries")
MODELS: Final = ("gpt-4o-mini", "gpt-4o", "o3-mini")
UNPRICED: Final = "in-house-7b"
WRITER: Final = """\
name: writer
description: Two models after each other
nodes:
  draft: {agent: "llm://mock/quick", system_prompt: Write., config: {script: quick.yaml}}
  polish: {agent: "llm://mock/careful", system_prompt: Polish., inputs: {draft: "${draft.output}"}, config: {script: careful.yaml}}
  keep: {agent: "local://echo", inputs: {text: "${polish.output}"}}
"""  # noqa: E501 - a line is a node
QUICK: Final = "- {text: A draft., price: 0.02, usage: {input_tokens: 900, output_tokens: 150}}\n"
CAREFUL: Final = "- {text: It is polished., price: 0.08, usage: {input_tokens: 1400, output_tokens: 210}}\n"
RUNS: Final = 5
EACH_USD: Final = 0.1


async def make_spending(folder: Path) -> None:
    """Fill the store in *folder*: five runs and a fork of today, and two traces of each day before."""
    folder.mkdir(exist_ok=True)
    for name, text in {"writer.yaml": WRITER, "quick.yaml": QUICK, "careful.yaml": CAREFUL}.items():
        (folder / name).write_text(text, encoding="utf-8")
    async with open_session(folder / ".binex") as session:
        for _ in range(RUNS):
            run = (await session.run(folder / "writer.yaml")).run
        prompt = Change(
            kind=ChangeKind.FIELD, node="polish", path=("system_prompt",), value="Shorten.", option="--prompt polish"
        )
        await session.fork(run.id, ForkRequest(fields=(prompt,)))
        await session.replay(run.id)
    async with open_sqlite_store(folder / ".binex") as store:
        for day in range(1, DAYS + 1):
            for number in range(2):
                trace = json.dumps(_trace(day, number)).encode()
                await import_traces(store, io.BytesIO(trace))


def _trace(day: int, number: int) -> dict[str, Any]:
    """A run of another program, some days ago, that asked one model with a price and, now and then, one without."""
    which = (day + number) % 3
    asked = {"openinference.span.kind": "LLM", "llm.provider": "openai", "llm.system": "openai"}
    priced = {**asked, "llm.model_name": MODELS[which], "llm.cost.total": 0.004 * (1 + day % 4) * (1 + 2 * which)}
    spans = [
        span(1, ELSEWHERE[which], 0, 4000, {"openinference.span.kind": "AGENT"}),
        span(2, "answer", 10, 2500, {**priced, **_tokens(800 * day, 90)}, parent=1),
    ]
    if day % 3 == 0:
        ended = {"status": failed("it was not to be reached")} if number else {}
        unpriced = {**asked, "llm.model_name": UNPRICED, **_tokens(500, 40)}
        spans.append(span(3, "check", 2600, 3900, unpriced, parent=1, **ended))
    began = round((now() - timedelta(days=day)).timestamp()) * 1_000 * MS
    for one in spans:
        one["traceId"] = f"{day:016x}{number:016x}"
        for end in ("startTimeUnixNano", "endTimeUnixNano"):
            one[end] = str(int(one[end]) - START + began)
    return request(*spans)


def _tokens(read: int, written: int) -> dict[str, int]:
    return {"llm.token_count.prompt": read, "llm.token_count.completion": written}
