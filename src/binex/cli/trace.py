"""``binex trace``: when everything in a run happened."""

from pathlib import Path

import click

from binex.cli.options import directory_option, json_option, run_argument

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from binex.cli.render.look import Look


@click.command("trace")
@run_argument
@click.option("--items", "with_items", is_flag=True, help="Show every item of a foreach, not only those that failed.")
@click.option("--node", metavar="TASK", help="Show everything about one task: NODE, or NODE[3] for an item.")
@click.option("--calls", "with_calls", is_flag=True, help="Show every call under its task, with tokens and cost.")
@click.option("--critical-path", "is_path", is_flag=True, help="Show what the duration of the run was made of.")
@click.option("--graph", "is_graph", is_flag=True, help="Draw the tasks and what depends on what.")
@click.option("--unfold", "is_unfolded", is_flag=True, help="With --graph: draw alike nodes each on its own.")
@click.option("--follow", "is_followed", is_flag=True, help="Show a run of another process live, until it ends.")
@json_option
@directory_option
def command(  # noqa: PLR0913 - the options of the command
    *,
    run: str,
    with_items: bool,
    node: str | None,
    with_calls: bool,
    is_path: bool,
    is_graph: bool,
    is_unfolded: bool,
    is_followed: bool,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Show when everything in RUN happened (default: latest).

    A line is a task, a bar an attempt; what dotted lines mean stands below them. What was taken over from another
    run took no time in this one, and has no bar.
    """
    views = {"--node": node is not None, "--calls": with_calls, "--critical-path": is_path, "--graph": is_graph}
    _refuse_both(views | {"--follow": is_followed})
    _refuse_both({"--items": with_items, **{name: said for name, said in views.items() if name != "--calls"}})
    if is_unfolded and not is_graph:
        raise click.UsageError("--unfold goes with --graph.")
    if is_followed:
        from binex.cli.following import follow

        return follow(run, directory, as_json=as_json)
    if node is not None:
        from binex.cli.one_task import show_task

        return show_task(run, node, directory, as_json=as_json)
    if is_path:
        return _critical_path(run, directory, as_json=as_json)
    if is_graph:
        return _graph(run, directory, as_json=as_json, is_unfolded=is_unfolded)
    if with_calls:
        return _calls(run, directory, as_json=as_json, with_items=with_items)
    return _timeline(run, directory, as_json=as_json, with_items=with_items)


def _refuse_both(options: dict[str, bool]) -> None:
    """Only one of these at a time."""
    said = [name for name, is_said in options.items() if is_said]
    if len(said) > 1:
        raise click.UsageError(f"{said[0]} and {said[1]} exclude each other: each shows something else.")


def _timeline(run: str, directory: Path | None, *, as_json: bool, with_items: bool) -> int:
    from binex.analysis.trace import Trace, trace
    from binex.cli.render.run_head import run_head
    from binex.cli.render.timeline import timeline
    from binex.cli.showing import show

    def draw(found: Trace, look: "Look") -> str:
        head = run_head(found.run, look, taken_over=found.taken_over)
        return f"{head}\n\n{timeline(found, look, with_items=with_items)}"

    return show(run, directory, trace, draw, as_json=as_json)


def _calls(run: str, directory: Path | None, *, as_json: bool, with_items: bool) -> int:
    from binex.analysis.timing.call_timeline import CallTimeline, call_timeline
    from binex.cli.render.run_head import run_head
    from binex.cli.render.timeline import timeline
    from binex.cli.showing import show

    def draw(found: CallTimeline, look: "Look") -> str:
        head = run_head(found.trace.run, look, taken_over=found.trace.taken_over)
        return f"{head}\n\n{timeline(found.trace, look, with_items=with_items, calls=found.calls)}"

    return show(run, directory, call_timeline, draw, as_json=as_json)


def _critical_path(run: str, directory: Path | None, *, as_json: bool) -> int:
    from binex.analysis.timing.critical_path import critical_path
    from binex.cli.render.critical_path import critical_path_text
    from binex.cli.showing import bound, show

    return show(run, directory, bound(critical_path), critical_path_text, as_json=as_json)


def _graph(run: str, directory: Path | None, *, as_json: bool, is_unfolded: bool) -> int:
    from binex.analysis.run_graph import RunGraph, run_graph
    from binex.cli.render.graph.drawing import graph
    from binex.cli.render.run_head import run_head
    from binex.cli.showing import bound, show

    def draw(found: RunGraph, look: "Look") -> str:
        return f"{run_head(found.run, look)}\n\n{graph(found, look, is_unfolded=is_unfolded)}"

    return show(run, directory, bound(run_graph), draw, as_json=as_json)
