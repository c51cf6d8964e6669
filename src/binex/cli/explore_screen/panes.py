"""What stands beside the tasks of a run: an answer as a text, or a list with what is highlighted in it below."""

from shlex import quote
from typing import Final

from textual.app import ComposeResult
from textual.containers import Vertical

from binex.analysis.artifacts import RunArtifact, get_artifact, list_artifacts
from binex.analysis.calls import call_detail, list_calls, name_of
from binex.cli.explore_screen.listing import Listing, Row
from binex.cli.explore_screen.page import Draw, Page
from binex.cli.explore_screen.place import Place
from binex.cli.explore_screen.questions import Asked, Question
from binex.cli.render import artifact_list, call_list
from binex.cli.render.run_head import is_replay
from binex.cli.render.text import content_text
from binex.errors import BinexError
from binex.models.call import Call
from binex.models.names import node_of
from binex.models.run import Run

_MOST_SHOWN: Final = 200_000
"""So many characters of a content are shown."""


class Pane(Vertical):
    """A part of the screen that answers something about a run, or about a task of it."""

    is_about_tasks = False

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place
        self.asked: Asked | None = None
        self.is_again = False
        self.is_unfolded = False

    async def load(self, run: Run, task: str, *, is_again: bool = False) -> None:
        """Answer it; *is_again* where it was answered before, and the run has gone on."""
        self.asked = Asked(run, task if self.is_about_tasks else "", self.is_unfolded)
        self.is_again = is_again
        try:
            await self.answer(self.asked)
        except BinexError as error:
            self.query_one(Page).show_error(error)

    async def answer(self, asked: Asked) -> None:
        """Show the answer."""
        raise NotImplementedError

    def command(self) -> str:
        """What somebody would type after ``binex`` to be told the same; nothing before it was told."""
        raise NotImplementedError

    def unfold(self) -> None:
        """Show all that is usually folded, or fold it again."""
        self.is_unfolded = not self.is_unfolded
        if self.asked is not None:
            self.run_worker(self.load(self.asked.run, self.asked.task), exclusive=True)


class TextPane(Pane):
    """An answer that is one text."""

    def __init__(self, place: Place, question: Question) -> None:
        super().__init__(place)
        self._question = question
        self.is_about_tasks = question.is_about_tasks

    def compose(self) -> ComposeResult:
        yield Page(self.place)

    async def answer(self, asked: Asked) -> None:
        self.query_one(Page).show(await self._question.answer(self.place, asked), from_top=not self.is_again)

    def command(self) -> str:
        if self.asked is None or (self.is_about_tasks and not self.asked.task):
            return ""
        return self._question.typed(self.asked)


class ListPane(Pane):
    """A list; below it what is highlighted in it."""

    is_about_tasks = True
    nothing = ""

    def compose(self) -> ComposeResult:
        yield Listing(self.place, empty=self.nothing)
        yield Page(self.place)

    def on_listing_highlighted(self, message: Listing.Highlighted) -> None:
        """Show what is highlighted."""
        message.stop()
        self.run_worker(self._show(message.key), group="content", exclusive=True)

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        """Go where it can be scrolled."""
        message.stop()
        self.query_one(Page).focus()

    async def _show(self, key: str | None) -> None:
        page = self.query_one(Page)
        page.display = key is not None
        try:
            if key is not None:
                page.show(await self.content(key))
        except BinexError as error:
            page.show_error(error)

    async def content(self, key: str) -> Draw:
        """What stands for *key*, in full."""
        raise NotImplementedError

    def named(self, command: str) -> str:
        """The command that shows what is highlighted, or the list of all."""
        if self.asked is None:
            return ""
        key, run = self.query_one(Listing).key, self.asked.run.id
        return f"{command} list {run}" if key is None else f"{command} show {run} {quote(key)}"

    def cut(self, text: str) -> str:
        """The beginning of a long text, and the command that shows all of it."""
        if len(text) <= _MOST_SHOWN:
            return text
        command = self.place.typed(self.command())
        return f"{text[:_MOST_SHOWN]}\n{len(text) - _MOST_SHOWN:,} characters more: {command}"


class ArtifactsPane(ListPane):
    """What the tasks made."""

    nothing = "no artifacts"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._artifacts: dict[str, RunArtifact] = {}

    async def answer(self, asked: Asked) -> None:
        found = await list_artifacts(self.place.store, asked.run)
        self._artifacts = {one.name: one for one in found.artifacts if _is_of(one.path, asked.task)}
        for damage in found.damage:
            self.place.note_damage(f"{damage.where}: {damage.message}")
        rows = [Row(name, artifact_list.cells_of(one, is_damaged=False)) for name, one in self._artifacts.items()]
        has_origin = any(row.cells[-1].text for row in rows)
        self.query_one(Listing).show(artifact_list.COLUMNS if has_origin else artifact_list.COLUMNS[:-1], rows)

    async def content(self, key: str) -> Draw:
        artifact = await get_artifact(self.place.store, self._artifacts[key])
        text = self.cut(content_text(artifact.content))
        return lambda _: text

    def command(self) -> str:
        return self.named("artifacts")


class CallsPane(ListPane):
    """What the tasks exchanged with the outside."""

    nothing = "no calls"

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._calls: dict[str, Call] = {}

    async def answer(self, asked: Asked) -> None:
        found = await list_calls(self.place.store, asked.run)
        calls = call_list.in_order(tuple(call for call in found.calls if _is_of(call.task, asked.task)))
        self._calls = {name_of(call): call for call in calls}
        is_replayed = is_replay(found.run)
        look = self.place.look
        rows = [
            Row(name, call_list.cells_of(call, look, is_replayed=is_replayed)) for name, call in self._calls.items()
        ]
        self.query_one(Listing).show(call_list.COLUMNS, rows)

    async def content(self, key: str) -> Draw:
        found = await call_detail(self.place.store, self._calls[key])
        return lambda width: self.cut(call_list.call_text(found, self.place.look_at(width)))

    def command(self) -> str:
        return self.named("calls")


def _is_of(path: str, task: str) -> bool:
    """Whether it belongs to *task*, or to an item of it; to any where that is the whole run."""
    return not task or path == task or node_of(path) == task
