"""Toolboxes that a tape answers for: no server is started, and no function of a tool is called."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from binex.adapters.attempt import AttemptContext, attempting
from binex.adapters.tools.mcp_servers import McpServers
from binex.adapters.tools.toolbox import open_toolbox
from binex.errors import RemoteError, ReplayError
from binex.models.call import Call, CallKind
from binex.models.task import TaskNode
from binex.models.workflow import McpServer
from binex.tape.recorder import Recorded
from binex.tape.redaction import Redactor
from binex.tape.taping import AttemptRecorder
from tests.adapters.tools.bench import ToolBench
from tests.attempts import FakeSurroundings

GONE = McpServer(command="no-such-program")


class Tape:
    """Answers what was recorded before, in order; and nothing else."""

    def __init__(self, recorded: FakeSurroundings) -> None:
        self._recorded = recorded
        self._calls: list[Call] = list(recorded.calls)

    def answer(self, kind: CallKind, target: str, asked: str) -> Recorded:
        for call in self._calls:
            if (call.kind, call.target, call.asked) == (kind, target, asked):
                self._calls.remove(call)
                return Recorded(body=self._recorded.response_of(call), error=call.error)
        raise ReplayError(f"the tape has no call of {target}")


@contextmanager
def replaying(tape: Tape, task: TaskNode) -> Iterator[FakeSurroundings]:
    again = FakeSurroundings()
    recorder = AttemptRecorder(
        task.run_id, task.path, task.attempt, sink=again.take, redactor=Redactor(()), player=tape
    )
    with attempting(AttemptContext(recorder=recorder, desk=again, ledger=again)):
        yield again
    recorder.close()


def told_of(surroundings: FakeSurroundings) -> list[Mapping[str, object]]:
    return [
        {"target": call.target, "asked": call.asked, "error": call.error, "said": surroundings.response_of(call)}
        for call in surroundings.calls
    ]


async def test_a_replay_tells_the_same_without_the_server_and_without_calling(bench: ToolBench) -> None:
    bench.write(
        f"""
        from pathlib import Path

        def note(text: str) -> int:
            with Path({str(bench.folder / "noted")!r}).open("a") as file:
                return file.write(text)
        """
    )
    uris = ("mcp://odd/echo", "mcp://odd/refuse", "python://kit.note")
    calls = [
        bench.call("echo", a=1),
        bench.call("refuse"),
        bench.call("note", text="x"),
        bench.call("note"),
        bench.call("nobody"),
    ]
    async with bench.open(*uris, odd=bench.odd()) as box:
        specs = box.specs
        told = [await box.call(call) for call in calls]

    task = bench.task(*uris, odd=GONE)
    with replaying(Tape(bench.surroundings), task) as again:
        async with open_toolbox(task, servers=McpServers()) as box:
            assert box.specs == specs
            assert [await box.call(call) for call in calls] == told
            with pytest.raises(ReplayError):
                await box.call(bench.call("echo", a=2))
    assert (bench.folder / "noted").read_text() == "x"
    assert told_of(again) == told_of(bench.surroundings)


async def test_a_server_that_died_then_dies_again(bench: ToolBench) -> None:
    async with bench.open("mcp://odd", odd=bench.odd()) as box:
        with pytest.raises(RemoteError) as then:
            await box.call(bench.call("die"))
    task = bench.task("mcp://odd", odd=GONE)
    with replaying(Tape(bench.surroundings), task):
        async with open_toolbox(task, servers=McpServers()) as box:
            with pytest.raises(RemoteError) as now:
                await box.call(bench.call("die"))
    assert then.value.message in now.value.message
