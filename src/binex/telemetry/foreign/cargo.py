"""One trace as a run on its way into a store: its records, artifacts and calls, secrets cut out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from pydantic import JsonValue

from binex import __version__
from binex.models.call import Call, CallKind, Spend
from binex.models.json_value import encode_json
from binex.models.names import artifact_id, is_name
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import ArtifactInfo, ExecutionRecord, Lineage, SkipReason, TaskStatus
from binex.stores.bundles.rows import hash_of
from binex.tape.cutting import Cutter
from binex.tape.redaction import Redactor
from binex.telemetry import conventions as names
from binex.telemetry.foreign.calls import TraceCalls
from binex.telemetry.foreign.kinds import Kind, given_to, made_by
from binex.telemetry.foreign.plan import Plan, PlannedTask
from binex.telemetry.foreign.shipment import Shipment
from binex.telemetry.foreign.snapshot import OUTPUT, Snapshot
from binex.telemetry.foreign.span import ERROR, ForeignSpan
from binex.telemetry.foreign.spool import SpanFile
from binex.telemetry.foreign.talk import Talk
from binex.telemetry.foreign.told import LONGEST_TEXT, error_of, member_of, moment_of

_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def run_id_of(trace_id: str) -> str:
    """The run that a trace becomes: the same one, whoever imports it and however often."""
    number = int(sha256(f"binex\nimported\n{trace_id}".encode()).hexdigest(), 16)
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(55, -1, -5))


class _Settled(NamedTuple):
    """What all attempts of a task have in common."""

    agent: str
    given: tuple[str, ...]


class TraceRun:
    """The run that one trace becomes. Everything is made when this is; but for the run it is kept by *shipment*."""

    def __init__(
        self, trace_id: str, digest: str, plan: Plan, spans: SpanFile, shipment: Shipment, redactor: Redactor
    ) -> None:
        self._plan = plan
        self._spans = spans
        self._shipment = shipment
        self._redactor = redactor
        self._cutter = Cutter(redactor)
        self._id = run_id_of(trace_id)
        self._tops = [spans.read(top) for top in plan.tops]
        self._tops_ids = {id(top) for top in plan.tops}
        self._own = None if plan.run is None else spans.read(plan.run)
        self._calls_of = TraceCalls(self._id, spans, self._cutter, shipment.keep_part)
        self._snapshot = Snapshot(shipment.nodes, self._cutter.cut_text)
        self._agents: dict[str, str] = {}
        """The agents, and what is left of each without secrets."""
        self._records: list[tuple[float, bool, int]] = []
        self._counts: Counter[TaskStatus] = Counter()
        self._spend = Spend()
        self._given: JsonValue = None
        """What the first of the topmost spans was given."""
        passed_on: dict[str, tuple[str, ...]] = {}
        for task in plan.tasks:
            given = tuple(dict.fromkeys(id for one in task.needs for id in passed_on[one.path]))
            passed_on[task.path] = self._keep_task(task, given) or given  # what made nothing hands on what it had
        variables = self._variables()
        description = f"Imported from trace {trace_id} ({digest}): it cannot be executed."
        source = self._snapshot.source(self._workflow, description, variables)
        self.run = self._run(variables).model_copy(update={"workflow_hash": hash_of(source)})
        """The run itself."""
        shipment.add(self.run, source, (place for *_, place in sorted(self._records)))

    def _keep_task(self, task: PlannedTask, given: tuple[str, ...]) -> tuple[str, ...]:
        """Keep all that one task is; what it made."""
        span = self._spans.read(task.span)
        if task.agent not in self._agents:
            self._agents[task.agent] = self._cutter.cut_text(task.agent)
        agent = self._agents[task.agent]
        outputs = _outputs_of(task, span)
        input = None if task.span.own == "task" else given_to(span)
        if self._given is None and input is not None and id(task.span) in self._tops_ids:
            self._given = input
        self._snapshot.tell(task, agent, outputs, input)
        calls = list(self._calls_of.of(task))
        for call in calls:
            self._spend = self._spend.plus(call.spend)
            self._shipment.keep_call(call)
        made = tuple(self._keep(task, agent, output, value, given) for output, value in outputs.items())
        for record in self._records_of(task, span, made, _Settled(agent, given), calls):
            self._counts[record.status] += record.is_final
            moment = record.ended_at.timestamp()
            self._records.append((moment, not record.is_final, self._shipment.keep_record(record)))
        return made

    def _run(self, variables: dict[str, JsonValue]) -> Run:
        spans = [task.span for task in self._plan.tasks] + ([self._plan.run] if self._plan.run is not None else [])
        began, ended = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
        failed = next((span for span in self._tops if span.status == ERROR), None)
        return Run(
            id=self._id,
            workflow=self._workflow,
            workflow_hash="",
            status=self._status(failed is not None),
            started_at=moment_of(began),
            ended_at=moment_of(ended),
            duration_ms=(ended - began) / 1e6,
            variables=variables,
            versions=Versions(binex=__version__, python=""),
            node_count=len({task.node_id for task in self._plan.tasks}),
            counts={status: count for status, count in self._counts.items() if count},
            error=self._cutter.cut_text(failed.message)[:LONGEST_TEXT] or None if failed is not None else None,
            spend=self._spend,
            is_imported=True,
        )

    @property
    def _workflow(self) -> str:
        """What the run is called in lists."""
        span = self._tops[0]
        name = span.text(names.WORKFLOW) or span.name or span.resource.service
        return self._cutter.cut_text(name)[:200] or "trace"

    def _status(self, has_failed: bool) -> RunStatus:
        own = self._own.text(names.RUN_STATUS) if self._own is not None else ""
        status = member_of(RunStatus, own)
        if own:
            return RunStatus.INTERRUPTED if status in (None, RunStatus.RUNNING) else status
        return RunStatus.FAILED if has_failed else RunStatus.COMPLETED

    def _variables(self) -> dict[str, JsonValue]:
        own = self._own.value(names.RUN_VARIABLES) if self._own is not None else None
        if isinstance(own, dict):
            return {name: self._redactor.redact_json(value, shapes=True) for name, value in own.items()}
        return {} if self._given is None else {"input": self._redactor.redact_json(self._given, shapes=True)}

    # --- what tasks made, and how they ended ------------------------------------------------------------------

    def _keep(self, task: PlannedTask, agent: str, output: str, value: JsonValue, given: tuple[str, ...]) -> str:
        data = self._redactor.redact_bytes(encode_json(value), shapes=True)
        info = ArtifactInfo(
            id=artifact_id(self._id, task.path, output),
            run_id=self._id,
            task=task.path,
            output=output,
            size=len(data),
            sha256=sha256(data).hexdigest(),
            created_at=moment_of(task.span.end_ns),
            lineage=Lineage(task=task.path, agent=agent, derived_from=given),
        )
        self._shipment.keep_artifact(info, data)
        return info.id

    def _records_of(
        self, task: PlannedTask, span: ForeignSpan, made: tuple[str, ...], said: _Settled, calls: Sequence[Call]
    ) -> Iterator[ExecutionRecord]:
        attempts = [self._spans.read(one) for one in sorted(task.attempts, key=lambda one: one.start_ns)]
        status = _status_of(span)
        for number, attempt in enumerate(attempts, 1):
            is_last = number == len(attempts)
            spend = [call.spend for call in calls if call.attempt == number and call.kind is CallKind.MODEL]
            yield self._record(task, span, attempt, said).model_copy(
                update={
                    "attempt": number,
                    "is_final": is_last,
                    "status": status if is_last else _status_of(attempt),
                    "started_at": moment_of(attempt.start_ns),
                    "duration_ms": (attempt.end_ns - attempt.start_ns) / 1e6,
                    "output_artifacts": made if is_last else (),
                    "spend": _sum(spend) if spend else None,
                }
            )
        if not attempts:
            number = 0 if status is TaskStatus.SKIPPED else 1
            yield self._record(task, span, span, said).model_copy(
                update={"attempt": number, "status": status, "output_artifacts": made}
            )

    def _record(self, task: PlannedTask, span: ForeignSpan, attempt: ForeignSpan, said: _Settled) -> ExecutionRecord:
        blocked_by = span.text(names.BLOCKED_BY)
        return ExecutionRecord(
            run_id=self._id,
            task=task.path,
            node_id=task.node_id,
            agent=said.agent,
            attempt=1,
            status=TaskStatus.COMPLETED,
            ended_at=moment_of(attempt.end_ns),
            input_artifacts=said.given,
            error=error_of(attempt, self._cutter.cut_text),
            skip_reason=member_of(SkipReason, span.text(names.SKIP_REASON)),
            blocked_by=blocked_by[:200] or None,
        )


def _outputs_of(task: PlannedTask, span: ForeignSpan) -> dict[str, JsonValue]:
    """What a task made, by the names of its outputs."""
    if task.span.own == "task":
        said = span.value(names.OUTPUTS)
        return {name: value for name, value in said.items() if is_name(name)} if isinstance(said, dict) else {}
    made = Talk(span).reply if task.kind is Kind.MODEL else made_by(span)
    return {} if made is None else {OUTPUT: made}


def _status_of(span: ForeignSpan) -> TaskStatus:
    status = member_of(TaskStatus, span.text(names.STATUS))
    if status is not None:
        return TaskStatus.CANCELLED if status in (TaskStatus.RUNNING, TaskStatus.READY, TaskStatus.WAITING) else status
    return TaskStatus.FAILED if span.status == ERROR else TaskStatus.COMPLETED


def _sum(spends: Sequence[Spend]) -> Spend:
    total = Spend()
    for spend in spends:
        total = total.plus(spend)
    return total
