"""What is executed from the screens: a fork from a task, after its plan was shown, and a replay. One at a time.

It is loaded when something is first to be executed: looking needs none of it.
"""

from shlex import quote

from textual.app import App

from binex.analysis.replayed import compare_replay
from binex.cli.explore_screen.dialogs import Dialog
from binex.cli.explore_screen.execution import Execution
from binex.cli.explore_screen.execution_screen import ExecutionScreen
from binex.cli.explore_screen.place import Place
from binex.cli.render.fork_plan import fork_plan
from binex.cli.render.replay_verdict import replay_verdict
from binex.cli.render.text import escape
from binex.models.run import Run, RunSummary
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import Session, open_session


async def prepare_fork(app: App[int], place: Place, run: Run, task: str) -> Execution | None:
    """The fork of *run* from *task* on, once somebody has seen what it would do and wants it.

    Raises:
        BinexError: it cannot be made.
    """
    request = ForkRequest(from_=(task,))
    async with open_session(place.folder, read_only=True) as session:
        plan = await session.plan_fork(run.id, request)
    dialog = Dialog(
        place,
        f"Replay from {escape(task)}",
        lambda width: fork_plan(plan, place.look_at(width)),
        yes="Execute it",
        no="Not now",
    )
    if not await app.push_screen_wait(dialog):
        return None

    async def work(session: Session) -> RunSummary:
        return await session.fork(run.id, request)

    command = f"replay {run.id} --from {quote(task)}"
    return Execution(place, run, f"fork of {run.id} from {escape(task)}", command, work)


def prepare_replay(place: Place, run: Run) -> Execution:
    """The replay of *run* from its tape, which ends with the verdict whether the same came out."""

    async def work(session: Session) -> RunSummary:
        summary = await session.replay(run.id)
        verdict = await compare_replay(session.store, summary.run, run)
        execution.result = lambda width: replay_verdict(verdict, place.look_at(width))
        return summary

    execution = Execution(place, run, f"replay of {run.id}", f"replay {run.id}", work)
    return execution


async def execute(app: App[int], place: Place, execution: Execution) -> None:
    """Begin with it, and show how it goes on; where somebody still watches at its end, show what came of it."""

    def end() -> None:
        if not app.is_running:
            return
        for screen in app.screen_stack:
            if isinstance(screen, ExecutionScreen):
                screen.end(is_watched=screen is app.screen)
        if not isinstance(app.screen, ExecutionScreen):
            app.notify(f"{execution.name}: is over; x shows it", markup=False)

    execution.start(end)
    await app.push_screen(ExecutionScreen(place, execution))


async def show(app: App[int], place: Place, execution: Execution) -> None:
    """Show how it goes on, or what came of it, unless that is shown already."""
    if not any(isinstance(screen, ExecutionScreen) for screen in app.screen_stack):
        await app.push_screen(ExecutionScreen(place, execution))
