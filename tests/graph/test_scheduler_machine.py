"""Any workflow, any order of endings, any number of resumes: what the scheduler promises holds after every step."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from binex.graph.dag import DAG
from binex.graph.scheduler import Scheduler
from binex.graph.scope import RunContext
from binex.models.names import item_of, item_path, node_of
from binex.models.task import Outcome, SkipReason, TaskStatus
from tests.graph.play import ended, workflow

BAD = (TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.CANCELLED)
LIMITS = {"default": 2, "slow": 1}
AGENTS = {"default": "local://echo", "slow": "llm://slow/model"}


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Up to eight nodes, each after any of those before it."""
    nodes: dict[str, dict[str, Any]] = {}
    for number in range(draw(st.integers(1, 8))):
        before = list(nodes)
        upstream = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        node: dict[str, Any] = {"depends_on": upstream, "agent": AGENTS[draw(st.sampled_from(sorted(AGENTS)))]}
        conditions = ["${user.list} == []", *(f"${{{name}.output}} != 0" for name in upstream)]
        lists = ["${user.list}", *upstream[:1]]
        if draw(st.booleans()):
            node["foreach"] = draw(st.sampled_from(lists))
            node["max_parallel"] = draw(st.sampled_from([1, 2, 9]))
            node["on_item_failure"] = draw(st.sampled_from(["continue", "fail_fast"]))
            node["max_items"] = 5
            conditions += ["${index} > 0", "${item} != 0", "${item} > 0"]
        if draw(st.booleans()):
            node["when"] = draw(st.sampled_from(conditions))
        nodes[f"n{number}"] = node
    return nodes


contents = st.integers(0, 2) | st.lists(st.integers(0, 2) | st.just("text"), max_size=6)
endings = st.sampled_from([TaskStatus.COMPLETED] * 4 + list(BAD))


class SchedulerMachine(RuleBasedStateMachine):
    """``settled`` is what a store would hold; ``running`` and ``decided`` are lost at a resume."""

    @initialize(nodes=workflows(), items=st.lists(st.integers(0, 2), max_size=4))
    def start(self, nodes: dict[str, dict[str, Any]], items: list[int]) -> None:
        self.dag = DAG.from_workflow(workflow(nodes))
        self.items = items
        self.settled: dict[str, Outcome] = {}
        self.attempts: Counter[str] = Counter()
        self.progress = 0
        self.open()

    def open(self) -> None:
        self.running: set[str] = set()
        self.decided: dict[str, Outcome] = {}
        context = RunContext("run", variables={"list": list(self.items)}, attempts=dict(self.attempts))
        known = [o for path, o in self.settled.items() if path == node_of(path) or node_of(path) not in self.settled]
        self.scheduler = Scheduler(self.dag, context, known=known, concurrency=LIMITS)
        self.hand_out()

    def hand_out(self) -> None:
        for work in self.scheduler.ready_work():
            assert work.path not in self.settled, "a settled task does not run"
            assert work.path not in self.running, "each task is handed out once"
            assert work.path not in self.decided, "each task is decided once"
            if work.task is None:
                assert work.decided is not None
                self.decided[work.path] = work.decided
            else:
                assert all(map(self.lets_others_run, self.needs(work.path))), "nothing runs before what it needs"
                self.attempts[work.path] += 1
                assert work.task.attempt == self.attempts[work.path]
                self.running.add(work.path)
        for path in self.scheduler.to_cancel():
            assert path in self.running
            assert self.dag.nodes[node_of(path)].spec.on_item_failure == "fail_fast"

    def needs(self, path: str) -> tuple[str, ...]:
        return self.dag.nodes[node_of(path)].depends_on

    def bucket(self, path: str) -> str:
        return "slow" if self.dag.nodes[node_of(path)].spec.agent == AGENTS["slow"] else "default"

    def lets_others_run(self, node_id: str) -> bool:
        outcome = self.settled.get(node_id)
        return outcome is not None and (
            outcome.status is TaskStatus.COMPLETED or outcome.record.skip_reason is SkipReason.WHEN
        )

    def settle(self, outcome: Outcome) -> None:
        assert outcome.path not in self.settled, "each task ends once"
        self.settled[outcome.path] = outcome
        self.scheduler.settle(outcome)
        self.hand_out()

    def end(self, path: str, status: TaskStatus, content: object) -> None:
        self.running.remove(path)
        outputs = {"output": content} if status is TaskStatus.COMPLETED else None
        self.settle(ended(path, status, outputs, attempt=self.attempts[path]))

    @precondition(lambda self: self.running)
    @rule(data=st.data(), status=endings, content=contents)
    def end_a_task(self, data: st.DataObject, status: TaskStatus, content: object) -> None:
        self.end(data.draw(st.sampled_from(sorted(self.running))), status, content)

    @precondition(lambda self: self.decided)
    @rule(data=st.data())
    def keep_what_was_decided(self, data: st.DataObject) -> None:
        self.settle(self.decided.pop(data.draw(st.sampled_from(sorted(self.decided)))))

    @precondition(lambda self: self.settled)
    @rule()
    def resume(self) -> None:
        self.open()

    @invariant()
    def capacity_is_respected(self) -> None:
        assert self.scheduler.running == len(self.running)
        buckets = Counter(map(self.bucket, self.running))
        assert all(buckets[bucket] <= limit for bucket, limit in LIMITS.items())
        items = Counter(node_of(path) for path in self.running if item_of(path) is not None)
        assert all(count <= (self.dag.nodes[node].spec.max_parallel or 0) for node, count in items.items())

    @invariant()
    def a_run_that_is_not_complete_has_something_to_do(self) -> None:
        left = self.dag.nodes.keys() - self.settled.keys()
        assert self.scheduler.is_complete() == (not left)
        assert not left or self.running or self.decided

    @invariant()
    def nothing_waits_where_there_is_room(self) -> None:
        room = Counter(LIMITS)
        room.subtract(map(self.bucket, self.running))
        started = {node_of(path) for path in (*self.running, *self.decided)}
        for node_id in self.dag.nodes.keys() - self.settled.keys() - started:
            if all(map(self.lets_others_run, self.needs(node_id))):
                assert room[self.bucket(node_id)] == 0

    @invariant()
    def progress_never_falls(self) -> None:
        assert len(self.settled) >= self.progress
        self.progress = len(self.settled)

    def teardown(self) -> None:
        """Bring the run to its end, and look back at how everything ended."""
        if not hasattr(self, "scheduler"):
            return
        while self.running or self.decided:
            if self.running:
                self.end(max(self.running), TaskStatus.COMPLETED, [1, 0, 2])
            else:
                self.settle(self.decided.popitem()[1])
        assert self.scheduler.is_complete()
        assert not list(self.scheduler.ready_work())
        assert self.dag.nodes.keys() <= self.settled.keys()
        for path, outcome in self.settled.items():
            self.check_why_it_was_skipped(path, outcome)
            if (
                outcome.status is TaskStatus.COMPLETED
                and self.dag.nodes[node_of(path)].foreach
                and item_of(path) is None
            ):
                self.check_list(outcome)

    def check_why_it_was_skipped(self, path: str, outcome: Outcome) -> None:
        culprit = outcome.record.blocked_by
        if item_of(path) is None:
            assert (culprit is None) == all(map(self.lets_others_run, self.needs(path)))
        if culprit is not None:
            assert outcome.record.skip_reason is SkipReason.BLOCKED
            assert self.settled[culprit].status in BAD, "who is blamed has really failed"
            assert node_of(culprit) in (self.ancestors(path) if item_of(path) is None else {node_of(path)})

    def check_list(self, outcome: Outcome) -> None:
        parts = outcome.artifacts[0].content
        assert isinstance(parts, list)
        for index, part in enumerate(parts):
            made = self.settled[item_path(outcome.path, index)].artifacts
            assert part == (made[0].content if made else None)

    def ancestors(self, node_id: str) -> set[str]:
        found: set[str] = set()
        stack = [node_id]
        while stack:
            new = set(self.needs(stack.pop())) - found
            found |= new
            stack += new
        return found


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
