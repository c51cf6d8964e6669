"""The list of runs: newest first, filtered, searched; two of them are compared, one is opened or replayed."""

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from binex.analysis.runs import RunPage, list_runs
from binex.analysis.search import TextHit
from binex.analysis.state import as_seen
from binex.cli.explore_screen.filtering import EXAMPLE, Filter, read_filter
from binex.cli.explore_screen.indexing import index_texts
from binex.cli.explore_screen.listing import Listing, Row
from binex.cli.explore_screen.page import text_of
from binex.cli.explore_screen.place import Place
from binex.cli.explore_screen.view import KEYS_OF_ALL, View
from binex.cli.render.run_list import COLUMNS, MADE_FROM, cells_of, made_from
from binex.cli.render.spending import cost_of
from binex.cli.render.table import Cell, Column
from binex.cli.render.text import escape
from binex.cli.render.text_hits import hit_lines
from binex.errors import BinexError, InputError
from binex.models.run import Run, RunStatus

_FIRST: Final = 200
_BATCH: Final = 1_000
_POLL_S: Final = 1.0
_POLLED: Final = 50
"""So many of the newest runs are looked at each time."""
_MARKED: Final = 2
_COLUMNS: Final = (Column(""), *COLUMNS[:5], Column("COST", is_right=True, weight=3), COLUMNS[5], MADE_FROM)
_NO_RUNS: Final = "There are no runs yet: 'binex run FILE' makes one, and 'binex hello' runs a demo."


class RunsScreen(View):
    """Which runs there are."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *KEYS_OF_ALL[1:],
        Binding("escape", "leave", show=False),
        Binding("enter", "open", "Open"),
        Binding("slash", "filter", "Search", key_display="/"),
        Binding("space", "mark", "Mark"),
        Binding("d", "diff", "Diff"),
        Binding("R", "replay", "Replay"),
    ]

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._filter = Filter()
        self._runs: dict[str, tuple[RunStatus, tuple[Cell, ...]]] = {}
        self._hits: dict[str, list[TextHit]] = {}
        self._marked: list[str] = []
        self._has_more = True
        self._offset = 0

    def parts(self) -> ComposeResult:
        yield Input(placeholder=EXAMPLE, id="filter", compact=True)
        yield Listing(self.place, id="runs", empty="reading the store")
        yield Static("", id="hits", markup=False)

    def on_mount(self) -> None:
        self.query_one("#filter", Input).display = False
        self.query_one("#hits", Static).display = False
        self.listing.focus()
        self._load_all()
        self.set_interval(_POLL_S, self._poll)

    @property
    def listing(self) -> Listing:
        """The list."""
        return self.query_one(Listing)

    def command(self) -> str:
        return f"runs {self._filter.options}".rstrip()

    # --- what is listed -------------------------------------------------------------------------------------

    def _load_all(self) -> None:
        self._runs, self._hits, self._has_more = {}, {}, True
        self.run_worker(self._read_first(), group="list", exclusive=True)

    async def _read_first(self) -> None:
        try:
            if self._filter.query.text:
                await index_texts(self.place, self._say_progress)
            await self._read(0)
        except BinexError as error:
            self.warn_of(error)
        self._show()

    async def _read(self, offset: int) -> RunPage:
        limit = _BATCH if offset else _FIRST
        page = await list_runs(self.place.store, self._filter.query, limit=limit, offset=offset)
        self._offset = offset + limit
        # A page is also short where runs in it cannot be read.
        self._has_more = page.has_more or (bool(page.runs) and bool(self.place.damage))
        self._take(page)
        if page.is_partial:
            self.warn("only the newest texts were looked through: the store has no index of them")
        return page

    def _take(self, page: RunPage) -> None:
        """Take runs into the list, a first page at its top; of each only what is shown of it is kept."""
        rows = {run.id: (run.status, self._cells(run)) for run in page.runs}
        self._runs = self._runs | rows if page.offset else rows | {k: v for k, v in self._runs.items() if k not in rows}
        for hit in page.hits:
            hits = self._hits.setdefault(hit.run_id, [])
            if hit not in hits:
                hits.append(hit)

    def on_listing_near_end(self) -> None:
        """Read older ones."""
        if self._has_more and self._runs and not any(one.group == "list" for one in self.workers if one.is_running):
            self.run_worker(self._read_more(), group="list")

    async def _read_more(self) -> None:
        try:
            await self._read(self._offset)
        except BinexError as error:
            self.warn_of(error)
        self._show()

    async def _poll(self) -> None:
        """See what other processes do: new runs, and how those that are not at their end go on."""
        if not self.is_current or any(one.is_running for one in self.workers if one.group == "list"):
            return
        before = self._runs
        try:
            newest = await list_runs(self.place.store, self._filter.query, limit=_POLLED)
            self._take(newest.model_copy(update={"hits": ()}))
            open_ones = [id for id, (status, _) in self._runs.items() if status is RunStatus.RUNNING]
            for id in set(open_ones) - {run.id for run in newest.runs}:
                run = await self.place.store.get_run(id)
                if run is not None:
                    run = await as_seen(self.place.store, run)
                    self._runs[id] = (run.status, self._cells(run))
        except BinexError as error:
            self.place.note_damage(error.message)
        if self._runs != before:
            self._show()

    def _show(self) -> None:
        marks = {id: str(at + 1) for at, id in enumerate(self._marked)}
        columns = _COLUMNS if any(cells[-1].text for _, cells in self._runs.values()) else _COLUMNS[:-1]
        listing = self.listing
        listing.empty = "nothing fits the filter" if self._filter.options else _NO_RUNS
        rows = [Row(id, (Cell(marks.get(id, ""), "warn"), *cells)) for id, (_, cells) in self._runs.items()]
        listing.show(columns, rows)
        self._show_hits()
        more = "+" if self._has_more else ""
        look = self.place.look_at(self.size.width)
        title = f"{look.paint('Runs', 'strong')}  {len(self._runs):,}{more}"
        if self._filter.options:
            title += look.paint(f"  {escape(self._filter.options)}", "faint")
        self.set_title(title)

    def _cells(self, run: Run) -> tuple[Cell, ...]:
        cells = cells_of(run, self.place.look)
        cost = Cell(cost_of(run.spend) if run.spend.model_calls else "", "faint")
        return (*cells[:5], cost, cells[5], Cell(made_from(run), "faint"))

    def on_listing_highlighted(self) -> None:
        """Show what was found in the run."""
        self._show_hits()

    def _show_hits(self) -> None:
        shown, key = self.query_one("#hits", Static), self.listing.key or ""
        shown.display = bool(self._hits)
        lines = hit_lines(self._hits.get(key, ()), key, self.place.look_at(self.size.width - 2))
        shown.update(Text("\n").join(text_of(line) for line in lines))

    # --- filtering ------------------------------------------------------------------------------------------

    def action_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.display = True
        box.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """List what is asked for."""
        try:
            self._filter = read_filter(event.value)
        except InputError as error:
            self.warn_of(error)
            return
        event.input.display = bool(event.value.strip())
        self.listing.focus()
        self._load_all()

    def action_leave(self) -> None:
        """Leave the box; with nothing to leave, list everything again."""
        box = self.query_one("#filter", Input)
        if box.has_focus:
            box.display = bool(self._filter.options)
            self.listing.focus()
        elif self._filter.options:
            box.value, box.display = "", False
            self._filter = Filter()
            self._load_all()

    def _say_progress(self, done: int, everything: int) -> None:
        self.set_title(f"indexing texts, once: {done:,} of {everything:,}")

    # --- what is done with runs -----------------------------------------------------------------------------

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        """Open the run."""
        self.run_worker(self._open(message.key))

    def action_open(self) -> None:
        self.listing.action_choose()

    async def _open(self, id: str) -> None:
        from binex.cli.explore_screen.run_screen import RunScreen  # loaded when first needed, as all but the list

        if (run := await self._run(id)) is not None:
            self.app.push_screen(RunScreen(self.place, run))

    def action_mark(self) -> None:
        key = self.listing.key
        if key is None:
            return
        if key in self._marked:
            self._marked.remove(key)
        else:
            self._marked = [*self._marked, key][-_MARKED:]
        self._show()
        self.listing.action_move(1)

    def action_diff(self) -> None:
        self.run_worker(self._compare(self._marked or self._highlighted()), group="diff", exclusive=True)

    def _highlighted(self) -> Sequence[str]:
        return [self.listing.key] if self.listing.key is not None else []

    async def _compare(self, ids: Sequence[str]) -> None:
        """Compare two runs, the older one first; one alone with what it was made from, or the one before it."""
        from binex.analysis.differences.counterpart import find_counterpart
        from binex.cli.explore_screen.diff_screen import DiffScreen

        runs = [run for id in sorted(ids) if (run := await self._run(id)) is not None]
        if len(runs) == 1:
            try:
                runs.insert(0, (await find_counterpart(self.place.store, runs[0])).run)
            except BinexError as error:
                self.warn(f"{error.message}\nmark two runs with the space bar")
        if len(runs) == _MARKED:
            self.app.push_screen(DiffScreen(self.place, runs[0], runs[1]))

    def action_replay(self) -> None:
        self.run_worker(self._replay())

    async def _replay(self) -> None:
        if self.listing.key is not None and (run := await self._run(self.listing.key)) is not None:
            await self.explorer.replay(run)

    async def _run(self, id: str) -> Run | None:
        try:
            run = await self.place.store.get_run(id)
            if run is not None:
                return await as_seen(self.place.store, run)
            self.warn(f"run {id} is not in the store any more")
        except BinexError as error:
            self.warn_of(error)
        return None
