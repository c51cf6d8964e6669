"""Who first said what an artifact says: each sentence is followed upwards, from task to task."""

from typing import Final, NamedTuple

from binex.analysis.lineage.blame_model import Blame, Hop, SentenceBlame, SpeakerKind
from binex.analysis.lineage.blame_sources import Given, Source, read_given
from binex.analysis.lineage.passages import Found, Likeness, Passage, Text, sentences_of, texts_in
from binex.analysis.lineage.sources import Sources
from binex.errors import InputError
from binex.models.run import Run
from binex.models.task import Artifact, ArtifactInfo

_MOST_SENTENCES: Final = 200
_MOST_HOPS: Final = 100
_ALSO: Final = 5
_SPEAKERS: Final = {
    "llm": SpeakerKind.MODEL,
    "human": SpeakerKind.HUMAN,
    "a2a": SpeakerKind.AGENT,
}


async def blame(run: Run, artifact: Artifact, sources: Sources, text: str | None = None) -> Blame:
    """Who first said *text*, which stands in *artifact* of *run*, or all that it says.

    Raises:
        InputError: the artifact does not say it.
        StoreError: the store cannot be read.
    """
    skipped: dict[str, None] = {}
    said = _asked(artifact, text)
    if len(said) > _MOST_SENTENCES:
        skipped[f"{len(said) - _MOST_SENTENCES:,} sentences of {artifact.id} after the first {_MOST_SENTENCES}"] = None
    walk = _Walk(sources, skipped)
    sentences = [await walk.back(artifact, path, passage, whole) for path, passage, whole in said[:_MOST_SENTENCES]]
    return Blame(
        run=run,
        artifact=artifact.id,
        sentences=tuple(sentences),
        skipped=tuple(skipped),
        damage=tuple(sources.damage),
    )


def _asked(artifact: Artifact, text: str | None) -> list[tuple[str, Passage, str]]:
    """The sentences that are asked for: where they stand, and in which text."""
    found: list[tuple[str, Passage, str]] = []
    for path, whole in texts_in(artifact.content):
        within = None if text is None else _place(whole, text)
        if text is None or within is not None:
            found += [(path, passage, whole) for passage in sentences_of(whole, within)]
        if text is not None and found:
            break
    if not found:
        what = "says nothing: there is no text in it" if text is None else f"does not say '{_short(text or '')}'"
        raise InputError(
            f"{artifact.task}.{artifact.output} {what}",
            fix=f"binex artifacts show '{artifact.id}' shows what it says; --blame - takes all of it",
        )
    return found


def _place(whole: str, text: str) -> Passage | None:
    start = whole.find(text) if text.strip() else -1
    return Passage(start, start + len(text)) if start >= 0 else Text(whole).find_words(text)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


class _Match(NamedTuple):
    """The best place that carries a sentence among what a task was given."""

    source: Source
    path: str
    text: Text
    found: Found
    also: tuple[str, ...]


class _Walk:
    """Goes from the artifact that says a sentence to what its task was given, as long as that says it too."""

    def __init__(self, sources: Sources, skipped: dict[str, None]) -> None:
        self._sources = sources
        self._skipped = skipped
        self._given: dict[str, Given] = {}

    async def back(self, artifact: Artifact, path: str, passage: Passage, whole: str) -> SentenceBlame:
        """The way of one sentence."""
        sentence = quote = whole[passage.start : passage.end]
        hops = [
            Hop(
                source=artifact.id,
                run_id=artifact.run_id,
                path=path,
                start=passage.start,
                end=passage.end,
                quote=sentence,
            )
        ]
        info: ArtifactInfo = artifact
        while True:
            given = await self._given_to(info)
            match = _best(given, quote)
            if match is None or len(hops) > _MOST_HOPS:
                return self._said_in(info, sentence, hops, given)
            start, end = match.found.passage
            quote = match.text.text[start:end]
            hops.append(
                Hop(
                    source=match.source.name,
                    run_id=match.source.run_id,
                    path=match.path,
                    start=start,
                    end=end,
                    quote=quote,
                    score=match.found.score,
                    likeness=match.found.likeness,
                    also_in=match.also,
                )
            )
            if match.source.artifact is None:
                return SentenceBlame(
                    text=sentence,
                    hops=tuple(hops),
                    speaker=match.source.speaker,
                    said_by=match.source.said_by,
                    task=info.task,
                    attempt=info.lineage.attempt,
                    run_id=match.source.run_id,
                )
            info = match.source.artifact

    async def _given_to(self, info: ArtifactInfo) -> Given:
        if info.id not in self._given:
            given = self._given[info.id] = await read_given(self._sources, info)
            self._skipped |= dict.fromkeys(given.skipped)
        return self._given[info.id]

    @staticmethod
    def _said_in(info: ArtifactInfo, sentence: str, hops: list[Hop], given: Given) -> SentenceBlame:
        """The task that made the artifact said it first, as far as what it was given can be read."""
        scheme = info.lineage.agent.partition("://")[0]
        speaker = _SPEAKERS.get(scheme, SpeakerKind.CODE)
        said_by = info.lineage.agent
        if info.lineage.edited:
            speaker, said_by = SpeakerKind.HAND, "somebody, by hand"
        elif given.has_gaps:
            speaker, said_by = SpeakerKind.LOST, "nobody knows: something that it was made from cannot be read"
        return SentenceBlame(
            text=sentence,
            hops=tuple(hops),
            speaker=speaker,
            said_by=said_by,
            task=info.task,
            attempt=info.lineage.attempt,
            run_id=info.run_id,
        )


def _best(given: Given, sentence: str) -> _Match | None:
    """The place that carries *sentence* best; of those that do so equally well, the first."""
    best: tuple[tuple[float, bool], Source, str, Text, Found] | None = None
    also: list[str] = []
    for source in given.sources:
        for path, text in source.texts:
            found = text.find(sentence)
            if found is None:
                continue
            rank = (found.score, found.likeness is Likeness.EXACT)
            if best is None or rank > best[0]:
                best, also = (rank, source, path, text, found), []
            elif rank == best[0] and source is not best[1] and source.name not in also:
                also.append(source.name)
    if best is None:
        return None
    return _Match(best[1], best[2], best[3], best[4], tuple(also[:_ALSO]))
