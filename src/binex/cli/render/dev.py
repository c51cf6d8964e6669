"""What the development environment tells, as lines for people or as JSON for programs."""

import json
import sys
from pathlib import Path
from typing import Final, TextIO

from binex.cli.checking import CheckedFile, CheckedFiles
from binex.cli.render.checked import checked_files
from binex.cli.render.diff.text import run_diff
from binex.cli.render.look import Look
from binex.cli.render.progress import PlainProgress
from binex.cli.render.results import ending, results
from binex.cli.render.text import escape
from binex.cli.render.units import count, duration
from binex.cli.streams import write_note, write_result
from binex.models.event import Event, Notice, QuestionAsked, RunStarted, TaskRetrying, TaskSettled
from binex.models.fork import Decision, ForkPlan
from binex.server.dev.told import (
    AgentLost,
    AgentReady,
    AgentSaid,
    AgentStarted,
    DevEvent,
    FileChecked,
    ModelsServed,
    NothingToRun,
    PageOpened,
    RunBegins,
    RunDone,
    RunLeft,
    Saved,
    Trouble,
)

_LABEL: Final = 10
_NODES: Final = 6
_FILES: Final = 6
_SHOWN: Final = (RunStarted, TaskRetrying, QuestionAsked, Notice)


class JsonLines:
    """One line of JSON for each thing that happens."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def tell(self, event: DevEvent) -> None:
        """Write it."""
        try:
            text = event.model_dump_json()
        except ValueError:  # text with lone surrogates, which UTF-8 has no form for
            text = json.dumps(event.model_dump(mode="json", warnings=False))
        write_result(text, self._stream)


class DevLines:
    """Results and differences on the stream for results, everything else on stderr."""

    def __init__(self, stream: TextIO, directory: Path | None = None) -> None:
        self._stream = stream
        self._directory = directory
        self._look = Look.of(sys.stderr)
        self._progress = PlainProgress(write_note, self._look)
        self._are_models_scripted = False

    def note(self, event: Event) -> None:
        """A listener of the session: how runs go on, without what was taken over."""
        is_news = isinstance(event, TaskSettled) and event.record.reused_from is None
        if is_news or isinstance(event, _SHOWN):
            self._progress(event)

    def tell(self, event: DevEvent) -> None:
        """Write it."""
        match event:
            case FileChecked():
                self._check(event)
            case RunDone():
                self._done(event)
            case Trouble():
                self._trouble(event)
            case _:
                label, text = self._line(event)
                write_note(f"{self._look.paint(f'{label:<{_LABEL}}', 'faint')} {text}")

    def _line(self, event: DevEvent) -> tuple[str, str]:
        """A short name for what it is about, and what there is to say."""
        match event:
            case AgentStarted() | AgentReady() | AgentSaid() | AgentLost():
                return escape(event.agent), self._of_agent(event)
            case PageOpened():
                said = "page", escape(event.url)
            case ModelsServed():
                self._are_models_scripted = True
                source = f"from {escape(event.script)}" if event.script else "saying what they were asked"
                said = "models", f"scripted at {event.url}, {source}: nothing that they say is real"
            case Saved():
                more = len(event.files) - _FILES
                named = ", ".join(Path(file).name for file in event.files[:_FILES])
                said = "saved", escape(named) + (f" and {more:,} more" if more > 0 else "")
            case RunBegins():
                said = "run", "every node" if event.plan is None else _plan(event.plan)
            case RunLeft():
                name = "the run" if event.run is None else f"run {event.run}"
                why = "" if event.is_stopped else ", since something was saved; starting anew"
                said = "left", f"{name} was interrupted{why}"
            case NothingToRun():
                said = "run", "nothing: what was saved reaches no node"
            case _:
                said = "stopped", "all that was started has ended"
        return said

    def _of_agent(self, event: AgentStarted | AgentReady | AgentSaid | AgentLost) -> str:
        match event:
            case AgentStarted():
                return f"started as process {event.pid}, {escape(event.uri)}"
            case AgentReady():
                return f"{event.health.status}: {escape(event.health.detail)}"
            case AgentSaid():
                return f"| {escape(event.line)}"
            case AgentLost():
                again = event.again_in_ms
                after = "it is not started again" if again is None else f"started again in {duration(again)}"
                return self._look.paint(f"{escape(event.why)}; {after}", "bad")

    def _check(self, event: FileChecked) -> None:
        checked = CheckedFile(
            file=_near(event.file),
            is_usable=event.is_usable,
            name=event.name,
            node_count=event.node_count,
            faults=event.faults,
        )
        good, bad = checked_files(CheckedFiles(files=(checked,)), self._look, self._look)
        write_note(bad or good)

    def _done(self, event: RunDone) -> None:
        summary, look = event.summary, Look.of(self._stream)
        if text := results(summary, look):
            write_result(text, self._stream)
        if event.diff is not None:
            write_result("\n" + run_diff(event.diff, look, has_only_causes=True), self._stream)
        write_note(ending(summary, self._look, self._directory))
        if event.since_save_ms is not None:
            write_note(f"{duration(event.since_save_ms)} after the save")
        if self._are_models_scripted and summary.run.spend.model_calls:
            write_note(self._look.paint("its models were scripted: this is no real result", "warn"))

    def _trouble(self, event: Trouble) -> None:
        fix = f"\n  {self._look.paint('fix:', 'strong')} {escape(event.fix)}" if event.fix else ""
        write_note(f"{self._look.paint('Error:', 'bad')} {escape(event.message)}{fix}")


def _plan(plan: ForkPlan) -> str:
    """What is executed, and why."""
    running = [node for node in plan.nodes if node.decision in (Decision.RUN, Decision.MAY_RUN)]
    named = ", ".join(f"{escape(node.node)} ({escape(node.why)})" for node in running[:_NODES])
    more = f" and {len(running) - _NODES:,} more" if len(running) > _NODES else ""
    reused = len(plan.nodes) - len(running)
    said = f"{len(running):,} of {count(len(plan.nodes), 'node')}, {reused:,} reused"
    return f"{said}: {named}{more}" if running else said


def _near(file: str) -> str:
    """*file* as one would type it here."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
