"""One trace as a run on its way into a store: its records, artifacts and calls, secrets cut out."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Final

from pydantic import JsonValue

from binex import __version__
from binex.models.call import Call, CallKind, Spend
from binex.models.json_value import encode_json
from binex.models.names import artifact_id, is_name
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import (
    ArtifactInfo,
    ExecutionRecord,
    Lineage,
    SkipReason,
    TaskStatus,
)
from binex.models.workflow_source import WorkflowSource
from binex.stores.bundle_store import Link
from binex.tape.cutting import Cutter
from binex.tape.redaction import Redactor
from binex.telemetry import conventions as names
from binex.telemetry.foreign.calls import TraceCalls
from binex.telemetry.foreign.plan import OUTPUT, Plan, PlannedTask
from binex.telemetry.foreign.span import ERROR, ForeignSpan, as_text
from binex.telemetry.foreign.told import LONGEST_TEXT, error_of, member_of, moment_of

FILE: Final = "<trace>"
"""Where the workflow of such a run lies: nowhere."""
_SHOWN_INPUT: Final = 16_384
"""How much of what a task was given stands in the snapshot, in characters."""
_SHOWN_INPUTS: Final = 4 << 20
"""How much of that altogether."""
_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def run_id_of(trace_id: str) -> str:
    """The run that a trace becomes: the same one, whoever imports it and however often."""
    number = int(sha256(f"binex\nimported\n{trace_id}".encode()).hexdigest(), 16)
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(55, -1, -5))


class TraceRun:
    """The run that one trace becomes. Everything is made when this is."""

    def __init__(self, trace_id: str, plan: Plan, digest: str, redactor: Redactor) -> None:
        self.trace_id = trace_id
        self.digest = digest
        """What tells two exports of one trace apart, of which one has more in it; it stands in the snapshot."""
        self.plan = plan
        self._redactor = redactor
        self._cutter = Cutter(redactor)
        self._id = run_id_of(trace_id)
        calls_of = TraceCalls(self._id, self._cutter)
        self.parts = calls_of.parts
        self.calls: list[Call] = []
        self.artifacts: list[tuple[ArtifactInfo, bytes]] = []
        self.records: list[ExecutionRecord] = []
        passed_on: dict[str, tuple[str, ...]] = {}
        for task in plan.tasks:
            given = tuple(dict.fromkeys(id for one in task.needs for id in passed_on[one.path]))
            calls = list(calls_of.of(task))
            self.calls += calls
            made = tuple(self._keep(task, output, value, given) for output, value in task.made.items())
            self.records += self._records_of(task, given, made, calls)
            passed_on[task.path] = made or given  # what made nothing that is known hands on what it had
        self.records.sort(key=lambda record: (record.ended_at, not record.is_final))

    @cached_property
    def source(self) -> WorkflowSource:
        """The snapshot of a workflow that nobody wrote: the tasks, and what each depended on."""
        nodes: dict[str, dict[str, JsonValue]] = {}
        needed: dict[str, set[str]] = {}
        room = _SHOWN_INPUTS
        for task in self.plan.tasks:
            node = nodes.setdefault(task.node_id, {"agent": self._cutter.cut_text(task.agent)})
            upstream = needed.setdefault(task.node_id, set())
            upstream |= {one.node_id for one in task.needs if one.node_id != task.node_id}
            if upstream:
                node["depends_on"] = [*sorted(upstream)]
            outputs = [output for output in task.made if output != OUTPUT]
            if outputs:
                node["outputs"] = [*task.made]
            if task.given is not None and room > 0:
                shown = self._cutter.cut_text(as_text(task.given))[:_SHOWN_INPUT]
                room -= len(shown)
                node["inputs"] = {"input": shown.replace("${", "$${")}
        flow: dict[str, JsonValue] = {
            "name": self.workflow,
            "description": f"Imported from trace {self.trace_id} ({self.digest}): it cannot be executed.",
            "nodes": dict(nodes),
        }
        declared = [name for name in self.run.variables if is_name(name)]
        if declared:
            flow["inputs"] = {name: {} for name in declared}
        return WorkflowSource(file=FILE, folder="", text=json.dumps(flow, indent=1))

    @cached_property
    def run(self) -> Run:
        """The run itself; it names no snapshot yet."""
        spans = [task.span for task in self.plan.tasks] + ([self.plan.run] if self.plan.run is not None else [])
        tops = self.plan.tops
        began, ended = min(span.start_ns for span in spans), max(span.end_ns for span in spans)
        failed = next((span for span in tops if span.status == ERROR), None)
        counts: Counter[TaskStatus] = Counter(record.status for record in self.records if record.is_final)
        spend = Spend()
        for call in self.calls:
            spend = spend.plus(call.spend)
        return Run(
            id=self._id,
            workflow=self.workflow,
            workflow_hash="",
            status=self._status(failed is not None),
            started_at=moment_of(began),
            ended_at=moment_of(ended),
            duration_ms=(ended - began) / 1e6,
            variables=self._variables(tops),
            versions=Versions(binex=__version__, python=""),
            node_count=len({task.node_id for task in self.plan.tasks}),
            counts=dict(counts),
            error=self._cutter.cut_text(failed.message)[:LONGEST_TEXT] or None if failed is not None else None,
            spend=spend,
            is_imported=True,
        )

    @cached_property
    def workflow(self) -> str:
        """What the run is called in lists."""
        span = self.plan.tops[0]
        service = as_text(span.resource.get(names.SERVICE_NAME))
        name = span.text(names.WORKFLOW) or span.name or service
        return self._cutter.cut_text(name)[:200] or "trace"

    @property
    def links(self) -> Iterator[Link]:
        return (Link(part.id, part.previous, part.sha256) for part in self.parts.values())

    def _status(self, has_failed: bool) -> RunStatus:
        own = self.plan.run.text(names.RUN_STATUS) if self.plan.run is not None else ""
        status = member_of(RunStatus, own)
        if own:
            return RunStatus.INTERRUPTED if status in (None, RunStatus.RUNNING) else status
        return RunStatus.FAILED if has_failed else RunStatus.COMPLETED

    def _variables(self, tops: Sequence[ForeignSpan]) -> dict[str, JsonValue]:
        own = self.plan.run.value(names.RUN_VARIABLES) if self.plan.run is not None else None
        if isinstance(own, dict):
            return {name: self._redactor.redact_json(value, shapes=True) for name, value in own.items()}
        ids = {span.span_id for span in tops}
        given = [task.given for task in self.plan.tasks if task.span.span_id in ids and task.given is not None]
        return {"input": self._redactor.redact_json(given[0], shapes=True)} if given else {}

    # --- what tasks made, and how they ended ------------------------------------------------------------------

    def _keep(self, task: PlannedTask, output: str, value: JsonValue, given: tuple[str, ...]) -> str:
        data = self._redactor.redact_bytes(encode_json(value), shapes=True)
        agent = self._cutter.cut_text(task.agent)
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
        self.artifacts.append((info, data))
        return info.id

    def _records_of(
        self, task: PlannedTask, given: tuple[str, ...], made: tuple[str, ...], calls: Sequence[Call]
    ) -> Iterator[ExecutionRecord]:
        attempts = sorted(task.attempts, key=lambda span: span.start_ns)
        status = _status_of(task.span)
        for number, span in enumerate(attempts, 1):
            is_last = number == len(attempts)
            spend = [call.spend for call in calls if call.attempt == number and call.kind is CallKind.MODEL]
            yield self._record(task, span, given).model_copy(
                update={
                    "attempt": number,
                    "is_final": is_last,
                    "status": status if is_last else _status_of(span),
                    "started_at": moment_of(span.start_ns),
                    "duration_ms": (span.end_ns - span.start_ns) / 1e6,
                    "output_artifacts": made if is_last else (),
                    "spend": _sum(spend) if spend else None,
                }
            )
        if not attempts:
            settled = self._record(task, task.span, given)
            attempt = 0 if status is TaskStatus.SKIPPED else 1
            yield settled.model_copy(update={"attempt": attempt, "status": status, "output_artifacts": made})

    def _record(self, task: PlannedTask, span: ForeignSpan, given: tuple[str, ...]) -> ExecutionRecord:
        span_of_task = task.span
        blocked_by = span_of_task.text(names.BLOCKED_BY)
        return ExecutionRecord(
            run_id=self._id,
            task=task.path,
            node_id=task.node_id,
            agent=self._cutter.cut_text(task.agent),
            attempt=1,
            status=TaskStatus.COMPLETED,
            ended_at=moment_of(span.end_ns),
            input_artifacts=given,
            error=error_of(span, self._cutter.cut_text),
            skip_reason=member_of(SkipReason, span_of_task.text(names.SKIP_REASON)),
            blocked_by=blocked_by[:200] or None,
        )


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
