"""Runs by what is known about them and by what was said in them."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from binex.models.run_query import AttemptFigures, CallFigures, FoundRuns, FoundText, RunFigures, RunQuery


class SearchStore(Protocol):
    """Finds runs and texts. Raises StoreError where the store cannot be read or written."""

    async def index_texts(self, on_progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Make quick to find what was kept until now; costs what was kept since the last time.

        *on_progress* hears how many artifacts and calls have been looked at, and of how many.
        """
        ...

    async def count_unindexed(self) -> int:
        """How many artifacts and calls would have to be looked at by :meth:`index_texts`."""
        ...

    async def find_runs(self, query: RunQuery, *, limit: int = 20, offset: int = 0) -> FoundRuns:
        """The runs that *query* asks for, newest first.

        A run that is marked as running counts as interrupted where no live process executes it. What is not in the
        index of texts is looked through too, the newest first, up to a bound.

        Raises:
            InputError: there is nothing in ``query.text`` that could be looked for.
        """
        ...

    async def find_texts(self, text: str, run_ids: Sequence[str], *, most: int = 3) -> list[FoundText]:
        """Where in these runs all the words of *text* occur together: of each at most *most* texts.

        Raises:
            InputError: there is nothing in *text* that could be looked for.
        """
        ...

    async def list_run_figures(self, query: RunQuery) -> list[RunFigures]:
        """What is counted of each run that *query* asks for, the oldest first; a damaged one is left out."""
        ...

    def list_attempt_figures(self, query: RunQuery) -> AsyncIterator[list[AttemptFigures]]:
        """What is counted of each attempt in these runs, in pieces: there may be millions.

        Without those that were taken over from other runs, and without what was settled without asking an agent.
        """
        ...

    def list_call_figures(self, query: RunQuery) -> AsyncIterator[list[CallFigures]]:
        """What is counted of each call of a model in these runs, in pieces; not of one that no budget allowed."""
        ...
