"""Runs together with those that were made from them: forks and replays under the run that they began with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Final, NamedTuple

from binex.analysis.origin import change_in_words
from binex.analysis.state import as_seen
from binex.models.base import Model
from binex.models.run import Run
from binex.models.run_query import RunQuery
from binex.stores.run_store import RunStore

_BATCH: Final = 500
_MOST: Final = 1 << 31
"""More runs than there are."""


class FamilyMember(Model):
    """A run among those that it is related to."""

    run: Run
    """The run as it is now; ``origin`` names the one that it was made from."""
    depth: int
    """How many steps it is away from the run that the family began with."""
    change: str = ""
    """What it has otherwise than the run that it was made from, in a few words."""


class Family(Model):
    """Everything that was made from one run, and that run itself."""

    root: str
    """The id of the run that it began with."""
    is_root_missing: bool = False
    """Whether that run is not in the store: it was never imported, or cannot be read."""
    runs: tuple[FamilyMember, ...]
    """Each one before those that were made from it, those of the same parent by age."""


class FamilyPage(Model):
    """Some families, whole, the one with the newest run first."""

    families: tuple[Family, ...]
    page: int = 1
    """Which page it is, from 1."""
    has_more: bool = False
    """Whether there are older ones."""
    asked_for: str | None = None
    """The id of the run whose family it is, where one was asked for."""


async def list_families(
    store: RunStore, query: RunQuery | None = None, *, limit: int = 20, page: int = 1
) -> FamilyPage:
    """Families in which there is a run that *query* asks for, or all.

    A page has whole families, and no more of them than make *limit* runs; one that has more is a page of its own.
    """
    kin = await _Kin.of(store)
    picked = kin.families()
    if query is not None and not query.is_everything:
        asked_for = {run.id for run in (await store.find_runs(query, limit=_MOST)).runs}
        picked = [members for members in picked if any(member.link.id in asked_for for member in members)]
    pages = list(_pages(picked, limit))
    shown = pages[page - 1] if page <= len(pages) else []
    families = [await _family(store, kin, members) for members in shown]
    return FamilyPage(families=tuple(families), page=page, has_more=page < len(pages))


async def family_of(store: RunStore, run: Run) -> FamilyPage:
    """The family of one run."""
    kin = await _Kin.of(store)
    members = next(members for members in kin.families() if any(member.link.id == run.id for member in members))
    return FamilyPage(families=(await _family(store, kin, members),), asked_for=run.id)


class _Link(NamedTuple):
    """What must be known of every run to find out which belong together."""

    id: str
    parent: str | None


class _Member(NamedTuple):
    link: _Link
    depth: int


class _Kin:
    """Who was made from whom, over all runs: a child may be anywhere in the list, and a parent be imported later."""

    def __init__(self, newest_first: Iterable[_Link]) -> None:
        self.by_id: Mapping[str, _Link] = {link.id: link for link in newest_first}
        self._children: dict[str, list[_Link]] = {}
        for link in self.by_id.values():
            if link.parent is not None:
                self._children.setdefault(link.parent, []).append(link)

    @classmethod
    async def of(cls, store: RunStore) -> "_Kin":
        links: list[_Link] = []
        for start in count(0, _BATCH):
            batch = await store.list_runs(limit=_BATCH, offset=start)
            if not batch:  # one that is only shorter has runs that cannot be read
                break
            links += (_Link(run.id, None if run.origin is None else run.origin.parent) for run in batch)
        return cls(links)

    def families(self) -> list[list[_Member]]:
        """The members of each family in the order in which they are shown, the family with the newest run first."""
        seen: set[str] = set()
        found: list[list[_Member]] = []
        for link in self.by_id.values():
            if link.id not in seen:
                members = list(self._below(*self._root_of(link)))
                seen.update(member.link.id for member in members)
                found.append(members)
        return found

    def root_of(self, members: Sequence[_Member]) -> str:
        """The id of the run that a family began with, which may not be there."""
        first = members[0]
        return first.link.parent if first.depth and first.link.parent is not None else first.link.id

    def _root_of(self, link: _Link) -> tuple[str, int]:
        """The first ancestor, and the depth of the first member that is there."""
        passed = {link.id}
        while link.parent is not None and link.parent not in passed:
            above = self.by_id.get(link.parent)
            if above is None:
                return link.parent, 1
            passed.add(above.id)
            link = above
        return link.id, 0

    def _below(self, root: str, depth: int) -> Iterator[_Member]:
        """The root, where it is there, and all that was made from it; no recursion, since chains may be long."""
        waiting = [_Member(link, 1) for link in self._children.get(root, ())] if depth else []
        if not depth:
            waiting.append(_Member(self.by_id[root], 0))
        passed: set[str] = set()
        while waiting:
            member = waiting.pop()  # of the children, which are newest first, the oldest one
            if member.link.id in passed:  # ids of a bundle may name each other in a circle
                continue
            passed.add(member.link.id)
            yield member
            waiting += (_Member(link, member.depth + 1) for link in self._children.get(member.link.id, ()))


def _pages(families: Iterable[list[_Member]], limit: int) -> Iterator[list[list[_Member]]]:
    page: list[list[_Member]] = []
    room = limit
    for members in families:
        if page and len(members) > room:
            yield page
            page, room = [], limit
        page.append(members)
        room -= len(members)
    if page:
        yield page


async def _family(store: RunStore, kin: _Kin, members: Sequence[_Member]) -> Family:
    root = kin.root_of(members)
    shown: list[FamilyMember] = []
    for link, depth in members:
        run = await store.get_run(link.id)
        if run is not None:
            change = "" if run.origin is None else change_in_words(run.origin)
            shown.append(FamilyMember(run=await as_seen(store, run), depth=depth, change=change))
    return Family(root=root, is_root_missing=root not in kin.by_id, runs=tuple(shown))
