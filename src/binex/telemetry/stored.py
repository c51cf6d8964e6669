"""The spans of a run that is in a store."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

from binex.errors import DamagedDataError
from binex.models.call import Call
from binex.models.json_value import encode_json
from binex.models.names import item_of, node_of
from binex.models.run import Run
from binex.models.task import ExecutionRecord, final_records
from binex.stores.run_store import RunStore
from binex.telemetry import conventions as names
from binex.telemetry.call_spans import LONGEST, Bodies, has_span, needs_bodies, ns_of, span_of_call
from binex.telemetry.run_spans import RunSpans
from binex.telemetry.span import Span, Value

_AT_ONCE: Final = 200
"""So many calls are read at a time."""


class StoredSpans:
    """Reads the spans of one run out of its store; what cannot be read is collected in ``damage``."""

    def __init__(self, store: RunStore, run: Run, *, with_content: bool = False) -> None:
        self._store = store
        self._run = run
        self._with_content = with_content
        self.damage: list[str] = []

    async def read(self) -> AsyncIterator[Span]:
        """Every span, the root last.

        Raises:
            DamagedDataError: the records or calls cannot be listed.
        """
        run, spans = self._run, RunSpans(self._run)
        records = await self._store.list_records(run.id)
        attempts: set[tuple[str, int]] = set()
        final = final_records(records)
        for record in records:
            is_last = final.get(record.task) is record
            contents = await self._outputs(record) if self._with_content and is_last else {}
            attempts.add((record.task, record.attempt))
            for span in spans.take(record, contents, is_last=is_last):
                yield span
        open_ended: dict[tuple[str, int], tuple[int, int]] = {}
        for event in await self._store.list_running(run.id):
            at = ns_of(event.at)
            open_ended.setdefault((event.task, event.attempt), (at, at))
        calls = [call for call in await self._store.list_calls(run.id) if has_span(call)]
        for at in range(0, len(calls), _AT_ONCE):
            some = calls[at : at + _AT_ONCE]
            made = await spans_of_calls(self._store, some, with_content=self._with_content, damage=self.damage)
            for span, call in zip(made, some, strict=True):
                began, ended = open_ended.get((call.task, call.attempt), (span.start_ns, span.end_ns))
                open_ended[call.task, call.attempt] = min(began, span.start_ns), max(ended, span.end_ns)
                yield span
        for span in _unfinished(spans, open_ended, final.keys(), attempts):
            yield span
        variables: dict[str, Value] = {}
        if self._with_content and run.variables:
            variables[names.RUN_VARIABLES] = encode_json(dict(run.variables)).decode()
        yield spans.root(run, variables)

    async def _outputs(self, record: ExecutionRecord) -> dict[str, Value]:
        """What a task made, by the name of the output."""
        made: list[str] = []
        cut: list[str] = []
        for id in record.output_artifacts:
            try:
                artifact = await self._store.get(id)
            except DamagedDataError as error:
                self.damage.append(error.message)
                continue
            if artifact is None:
                self.damage.append(f"artifact {id} is not in the store")
            elif artifact.size > LONGEST:
                cut.append(f"{names.OUTPUTS}.{artifact.output}")
            else:
                made.append(f"{encode_json(artifact.output).decode()}:{artifact.data.decode()}")
        said: dict[str, Value] = {names.OUTPUTS: f"{{{','.join(made)}}}"} if made else {}
        if record.input_artifacts:
            said[names.INPUT_ARTIFACTS] = [id.partition("~")[2] for id in record.input_artifacts]
        return said | ({names.CUT: cut} if cut else {})


async def spans_of_calls(
    store: RunStore, calls: Sequence[Call], *, with_content: bool = False, damage: list[str] | None = None
) -> list[Span]:
    """The spans of some calls, with what was said in them as far as it is wanted and can be read.

    What is damaged is left out, and named in *damage*.
    """
    wanted = [
        [call.request, call.response] if needs_bodies(call, with_content=with_content) else [None, None]
        for call in calls
    ]
    kept = {body.last: body for pair in wanted for body in pair if body is not None and body.last}
    try:
        read = dict(zip(kept, await store.read_bodies(list(kept.values())), strict=True))
    except DamagedDataError:
        read = {}
        for last, body in kept.items():
            try:
                read[last] = await store.read_body(body)
            except DamagedDataError as error:
                if damage is not None:
                    damage.append(error.message)
    return [
        span_of_call(
            call,
            Bodies(*(b"" if body is None else read.get(body.last, b"") for body in pair)),
            with_content=with_content,
        )
        for call, pair in zip(calls, wanted, strict=True)
    ]


def _unfinished(
    spans: RunSpans,
    open_ended: dict[tuple[str, int], tuple[int, int]],
    tasks: Collection[str],
    attempts: set[tuple[str, int]],
) -> list[Span]:
    """Spans of what has no record yet, so that no span of a call is without those around it."""
    found: list[Span] = []
    for (task, attempt), (start, end) in open_ended.items():
        if (task, attempt) not in attempts:
            found.append(spans.unfinished_attempt(task, attempt, start, end))
    nodes: dict[str, tuple[int, int]] = {}
    seen = {task: (start, end) for (task, _), (start, end) in open_ended.items()}
    for task, (start, end) in seen.items():
        if task not in tasks:
            found.append(spans.unfinished(task, start, end))
        if item_of(task) is not None:
            began, ended = nodes.get(node_of(task), (start, end))
            nodes[node_of(task)] = min(began, start), max(ended, end)
    for task in tasks:
        if item_of(task) is not None:
            nodes.setdefault(node_of(task), (ns_of(spans.run.started_at),) * 2)
    found += [spans.unfinished(node, start, end) for node, (start, end) in nodes.items() if node not in tasks]
    return found
