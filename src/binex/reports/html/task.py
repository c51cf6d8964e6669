"""One task on a page: what became of it and why, what it was given, what was said, and what it made."""

from collections.abc import Iterable, Mapping
from shlex import quote
from typing import Final

from binex.analysis.debug import TaskDebug
from binex.analysis.failures.classes import FailureClass
from binex.analysis.tasks.detail import TaskDetail
from binex.analysis.tasks.parts import AttemptDetail, Given
from binex.analysis.trace import TaskTrace
from binex.models.names import item_of, read_artifact_id
from binex.models.question import Question
from binex.models.task import ErrorInfo
from binex.models.units import count, duration, size
from binex.reports.html.elements import Child, Markup, element, markup
from binex.reports.html.room import Room
from binex.reports.html.talk import calls, rounds
from binex.reports.html.values import command, cost, facts, folded, mark, moment, tokens, tone, value, words_of

_LONGEST_LINE: Final = 300


def task_head(task: TaskDebug) -> Markup:
    """The line that is there also while the task is folded."""
    timing = task.timing
    about = [f"{len(timing.attempts)} attempts"] if len(timing.attempts) > 1 else []
    about += [count(task.item_count, "item")] if task.item_count else []
    if timing.reused_from is not None:
        about.append("taken over")
    if timing.is_edited:
        about.append("edited by hand")
    if timing.start_ms is not None:
        about.append(duration(timing.duration_ms))
    return markup(
        element("h3", timing.task, class_="name"),
        mark(timing.status),
        element("span", timing.agent, class_="agent"),
        element("span", ", ".join(about), class_="end"),
    )


def task_body(found: TaskDetail, room: Room, anchors: Mapping[str, str]) -> Markup:
    """Everything else about it."""
    run = found.run.id
    full = f"binex trace {run} --node {quote(found.task)}"
    is_item = item_of(found.task) is not None
    inputs = [one for one in found.inputs if not (is_item and one.name == "foreach")]  # its node has the list
    return markup(
        [element("p", f"Damaged: {damage.where}: {damage.message}", class_="bad") for damage in found.damage],
        _standing(found, anchors),
        None if found.failure is None else failure(found.failure, found.blocked, anchors),
        _part("Error", error(found.timing.error, room, full)) if found.timing.error is not None else None,
        _part("Attempts", _attempts(found.attempts)) if len(found.attempts) > 1 else None,
        _part("Given", [_given(one, room, full, anchors) for one in inputs]) if inputs else None,
        _part(
            "Settings",
            folded(_names(found.settings), [_given(one, room, full, anchors) for one in found.settings], class_="fold"),
        )
        if found.settings
        else None,
        [
            _part(_title("Conversation", attempt, found), rounds(attempt.rounds, room, run))
            for attempt in found.attempts
            if attempt.rounds
        ],
        [_part("Asked of a person", _question(question, room, full)) for question in found.questions],
        [
            _part(
                f"Made: {made.artifact.output} ({size(made.artifact.size)})",
                value(made.value, room, hint=f"binex artifacts show {run} {quote(made.artifact.name)}")
                if made.is_readable
                else element("p", "It can no longer be read.", class_="bad"),
            )
            for made in found.outputs
        ],
        [
            _part(_title("Calls", attempt, found), calls(attempt.calls, room, run))
            for attempt in found.attempts
            if attempt.calls
        ],
        _part(
            "Type next",
            element(
                "ul", [element("li", command(typed, purpose)) for typed, purpose in _commands(found)], class_="plain"
            ),
        ),
    )


def failure(found: FailureClass, blocked: Iterable[str], anchors: Mapping[str, str]) -> Markup:
    """Why a task failed, what shows that, and what to do about it."""
    evidence = found.evidence
    stopped = list(blocked)
    return element(
        "div",
        element("p", element("span", words_of(found.kind), class_="tag bad"), " ", element("strong", found.cause)),
        facts(
            ("said", evidence.message.strip().partition("\n")[0][:_LONGEST_LINE]),
            (
                "where",
                None
                if evidence.frame is None
                else _place(evidence.frame.place, evidence.frame.function, evidence.frame.code),
            ),
            ("who", evidence.host),
            ("HTTP status", None if evidence.status is None else str(evidence.status)),
            ("call", evidence.call),
            (
                "does not fit",
                None
                if not evidence.misses
                else element("ul", [element("li", miss) for miss in evidence.misses[:20]], class_="plain"),
            ),
            (
                "deadline",
                None
                if evidence.deadline_ms is None
                else f"{duration(evidence.deadline_ms)}, after {duration(evidence.took_ms)}",
            ),
            ("was waiting for", ", ".join(f"{call.target} ({duration(call.waited_ms)})" for call in evidence.pending)),
            ("attempts", f"{evidence.attempts} in {duration(evidence.over_ms)}" if evidence.attempts > 1 else None),
            ("blocked", None if not stopped else links(stopped, anchors)),
            ("what to do", found.advice),
        ),
        class_="failure",
    )


def error(found: ErrorInfo, room: Room, hint: str) -> Markup:
    """An error in full."""
    said = found.traceback or f"{found.type}: {found.message}"
    return markup(
        room.block(said, hint=hint, class_="value error"),
        None
        if not found.body
        else markup(element("p", f"{found.host or 'The other side'} said:"), room.block(found.body)),
        None if not found.fix else element("p", element("strong", "Fix: "), found.fix),
    )


def links(paths: Iterable[str], anchors: Mapping[str, str], most: int = 20) -> Markup:
    """The names of tasks, each leading to where it is on the page."""
    named = list(dict.fromkeys(paths))
    shown: list[Child] = []
    for path in named[:most]:
        shown += [", " if shown else None]
        shown.append(
            element("a", path, href=f"#{anchors[path]}") if path in anchors else element("span", path, class_="name")
        )
    more = f" and {len(named) - most:,} more" if len(named) > most else None
    return markup(shown, more)


def _part(title: str, *children: Child) -> Markup:
    return markup(element("h4", title), *children)


def _title(what: str, attempt: AttemptDetail, found: TaskDetail) -> str:
    return f"{what} of attempt {attempt.record.attempt}" if len(found.attempts) > 1 else what


def _standing(found: TaskDetail, anchors: Mapping[str, str]) -> Markup:
    timing = found.timing
    elsewhere = None
    if found.was_executed_elsewhere:
        elsewhere = f"run {found.executed_run}, as {found.executed_task}"
    condition = None
    if found.condition is not None:
        condition = markup(
            element("code", found.condition.text),
            [
                element("div", element("code", f"{name} = {str(said)[:200]}"), class_="faint")
                for name, said in found.condition.values.items()
            ],
        )
    made_from = [read_artifact_id(id).task for id in (found.record.input_artifacts if found.record else ())]
    return facts(
        ("agent", element("code", timing.agent)),
        ("ran", None if timing.start_ms is None else _ran(timing)),
        ("taken over from", elsewhere),
        ("skipped", None if timing.skip_reason is None else _skipped(timing)),
        ("condition", condition),
        ("made from", links(made_from, anchors) if made_from else None),
        ("tokens", tokens(found.spend)),
        ("cost", cost(found.spend)),
    )


def _ran(timing: TaskTrace) -> str:
    queued = f", after {duration(timing.queued_ms)} in the queue" if timing.queued_ms >= 1 else ""
    return f"{duration(timing.duration_ms)}, from {duration(timing.start_ms or 0)} on{queued}"


def _skipped(timing: TaskTrace) -> str:
    by = f" by {timing.blocked_by}" if timing.blocked_by else ""
    return f"{words_of(timing.skip_reason or '')}{by}"


def _place(place: str, function: str, code: str) -> Markup:
    return markup(
        element("code", place),
        f" in {function}" if function else None,
        element("div", element("code", code)) if code else None,
    )


def _attempts(attempts: Iterable[AttemptDetail]) -> Markup:
    rows = [
        element(
            "tr",
            element("td", str(attempt.record.attempt), class_="number"),
            element("td", mark(attempt.record.status)),
            element("td", duration(attempt.record.duration_ms), class_="number"),
            element(
                "td",
                "" if attempt.record.retry_in_ms is None else duration(attempt.record.retry_in_ms),
                class_="number",
            ),
            element("td", "" if attempt.failure is None else attempt.failure.cause),
        )
        for attempt in attempts
    ]
    head = [
        element("th", name, scope="col", class_=kind)
        for name, kind in (
            ("attempt", "number"),
            ("ended", None),
            ("took", "number"),
            ("pause after", "number"),
            ("why", None),
        )
    ]
    table = element("table", element("thead", element("tr", head)), element("tbody", rows))
    return element("div", table, class_="scroll", tabindex=0)


def _names(given: Iterable[Given]) -> str:
    return ", ".join(one.name for one in given)


def _given(one: Given, room: Room, hint: str, anchors: Mapping[str, str]) -> Markup:
    is_written = not one.is_implied and one.written != one.value
    written = one.written if is_written and isinstance(one.written, str) and len(one.written) <= _LONGEST_LINE else None
    sources = [read_artifact_id(id).task for id in one.artifacts]
    return element(
        "div",
        element(
            "div", element("strong", one.name, class_="name"), [" from ", links(sources, anchors)] if sources else None
        ),
        None if written is None else element("div", "written as ", value(written, room), class_="written"),
        None if one.is_readable else element("p", "Something in it can no longer be read.", class_="bad"),
        element("div", value(one.value, room, hint=hint)),
        class_="given",
    )


def _question(question: Question, room: Room, hint: str) -> Markup:
    answer = question.answer
    return markup(
        value(question.text, room, hint=hint),
        facts(
            ("asked", moment(question.asked_at)),
            ("state", words_of(question.state)),
            ("answer", None if answer is None else value(answer.value, room, hint=hint)),
            ("feedback", None if answer is None or not answer.feedback else answer.feedback),
            ("by", None if answer is None else markup(answer.by or "nobody in time", ", ", moment(answer.at))),
        ),
    )


def _commands(found: TaskDetail) -> list[tuple[str, str]]:
    run, path = found.run.id, quote(found.task)
    typed = [
        (f"trace {run} --node {path}", "everything about it"),
        (f"why {run} {path}", "why it ran, beside an earlier run"),
    ]
    if found.record is not None and found.record.status not in ("skipped",):
        typed.append((f"replay {run} --from {path}", "does it again, and what depends on it, as a run of its own"))
    return typed


def tone_of(task: TaskDebug) -> str:
    """The class that colours the frame of a task."""
    return tone(task.timing.status)
