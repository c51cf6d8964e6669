"""The top of a page: what became of the run, why, and what to type next."""

from collections import Counter
from collections.abc import Mapping, Sequence

from binex.analysis.debug import RunDebug
from binex.models.run import Run, RunMode
from binex.models.units import count, duration
from binex.reports.html.elements import Child, Markup, element, markup
from binex.reports.html.room import Room
from binex.reports.html.task import error, failure, links
from binex.reports.html.values import command, cost, facts, mark, moment, tone, value, words_of

_MOST_FAILURES = 20


def head(found: RunDebug, parts: Sequence[tuple[str, str]]) -> Markup:
    """The name of the run, the verdict, and the way to the *parts* of the page, each with its id and its title."""
    run = found.run
    contents = [element("li", element("a", title, href=f"#{id}")) for id, title in parts]
    return element(
        "header",
        element("h1", element("span", run.workflow, class_="name"), mark(run.status)),
        element("p", "run ", element("code", run.id), ", started ", moment(run.started_at), class_="run"),
        element("p", found.verdict, class_=f"verdict {tone(run.status)}"),
        element("nav", element("ul", contents), aria_label="Parts of this page"),
    )


def numbers(found: RunDebug) -> Markup:
    """What the run comes to in numbers."""
    run = found.run
    stood = Counter(task.timing.status for task in found.tasks)
    return facts(
        ("took", duration(run.duration_ms)),
        ("tasks", f"{len(found.tasks):,}"),
        *((words_of(status), f"{number:,}") for status, number in stood.most_common()),
        ("not settled", f"{found.unsettled:,}" if found.unsettled else None),
        ("taken over", f"{found.taken_over:,}" if found.taken_over else None),
        ("cost", cost(run.spend)),
        ("model calls", f"{run.spend.model_calls:,}" if run.spend.model_calls else None),
        ("tokens in", f"{run.spend.input_tokens:,}" if run.spend.model_calls else None),
        ("tokens out", f"{run.spend.output_tokens:,}" if run.spend.model_calls else None),
        ("resumed", count(run.resumed, "time") if run.resumed else None),
        class_="tiles",
    )


def damage(found: RunDebug, notices: Sequence[str]) -> Markup | None:
    """What of the run is missing or altered."""
    lines = [markup(element("strong", one.where, class_="bad"), f": {one.message}") for one in found.damage]
    lines += [markup(element("strong", "store", class_="bad"), f": {notice}") for notice in notices]
    return element("ul", [element("li", line) for line in lines], class_="plain") if lines else None


def failures(found: RunDebug, room: Room, anchors: Mapping[str, str]) -> Markup | None:
    """Why tasks failed, the causes before their consequences; those together that failed alike."""
    if not found.failures:
        return None
    shown: list[Child] = []
    for group in found.causes[:_MOST_FAILURES]:
        title = element("h3", links(group.tasks, anchors, most=3))
        shown += [title, failure(group.example, group.blocked, anchors)]
    grouped = {task for group in found.causes[:_MOST_FAILURES] for task in group.tasks}
    for one in [one for one in found.failures if one.task not in grouped][:_MOST_FAILURES]:
        title = element("h3", links([one.task], anchors))
        shown += [title, element("div", error(one.error, room, f"binex debug {found.run.id}"), class_="failure")]
    return markup(shown)


def next_steps(found: RunDebug) -> Markup | None:
    """What to type."""
    if not found.next_steps:
        return None
    steps = [element("li", command(step.command, step.purpose)) for step in found.next_steps]
    return element("ul", steps, class_="plain")


def made_with(run: Run, room: Room) -> Markup:
    """The inputs of the run and what it was made with."""
    versions = run.versions
    origin = run.origin
    came = None
    if origin is not None:
        verb = {RunMode.REPLAY: "a replay of", RunMode.FORK: "a fork of"}.get(origin.mode, "made from")
        at = f" at {', '.join(origin.fork_points)}" if origin.fork_points else ""
        changes = ", ".join(f"{change.kind} of {change.node}" for change in origin.changes)
        came = f"{verb} run {origin.parent}{at}" + (f"; changed: {changes}" if changes else "")
    hint = f"binex debug {run.id} --json"
    inputs = [
        element(
            "div", element("strong", name, class_="name"), element("div", value(said, room, hint=hint)), class_="given"
        )
        for name, said in run.variables.items()
    ]
    return markup(
        inputs,
        facts(
            ("made from", came),
            ("imported", "yes: its outcomes were not seen here" if run.is_imported else None),
            ("Binex", versions.binex),
            ("Python", versions.python),
            ("commit", versions.git_commit),
            ("workflow", element("code", run.workflow_hash[:12])),
            ("durability", run.durability.value),
            ("ended", None if run.ended_at is None else moment(run.ended_at)),
        ),
    )
