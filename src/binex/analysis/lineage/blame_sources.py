"""What a task was given, as texts in which a sentence may stand."""

from typing import Final, NamedTuple

from pydantic import JsonValue

from binex.analysis.calls import call_detail, name_of
from binex.analysis.lineage.blame_model import SpeakerKind
from binex.analysis.lineage.model import LinkKind
from binex.analysis.lineage.passages import Text, texts_in
from binex.analysis.lineage.sources import Sources
from binex.errors import DamagedDataError
from binex.graph.reference import Source as ReferenceSource
from binex.models.call import Call, CallKind
from binex.models.names import item_of
from binex.models.run import Run
from binex.models.task import ArtifactInfo

MOST_BYTES: Final = 4 * 1024 * 1024
"""What is larger is not looked at, and named."""
_MOST_CALLS: Final = 200
_ANSWERS: Final = {
    CallKind.TOOL: SpeakerKind.TOOL,
    CallKind.HTTP: SpeakerKind.HTTP,
    CallKind.A2A: SpeakerKind.AGENT,
    CallKind.HUMAN: SpeakerKind.HUMAN,
}
"""Whose answers a task is given."""
_OWN_WORDS: Final = {"a2a": CallKind.A2A, "human": CallKind.HUMAN}
"""Whose answers are what a task of such an agent says itself, as those of a model are."""
_GIVEN: Final = (LinkKind.DATA, LinkKind.ITEM, LinkKind.EDIT)


class Source(NamedTuple):
    """Something that a task was given."""

    name: str
    run_id: str
    texts: list[tuple[str, Text]]
    """Its texts, by where in it they stand."""
    speaker: SpeakerKind
    said_by: str
    artifact: ArtifactInfo | None = None
    """The artifact that it is; another task made it then."""


class Given(NamedTuple):
    """All that a task was given, artifacts first."""

    sources: list[Source]
    skipped: list[str]
    """What is too large to be looked at."""
    has_gaps: bool
    """Whether some of it cannot be read."""


async def read_given(sources: Sources, info: ArtifactInfo) -> Given:
    """What the task was given that made an artifact."""
    reader = _Reader(sources)
    await reader.read_artifacts(info)
    if not info.lineage.edited:
        await reader.read_roots(info)
        await reader.read_calls(info)
    return Given(reader.found, reader.skipped, reader.has_gaps)


class _Reader:
    def __init__(self, sources: Sources) -> None:
        self.found: list[Source] = []
        self.skipped: list[str] = []
        self.has_gaps = False
        self._sources = sources

    async def read_artifacts(self, info: ArtifactInfo) -> None:
        for id in info.lineage.derived_from:
            if await self._sources.link_of(id, info) not in _GIVEN:
                continue
            given = await self._sources.info(id)
            if given is None:
                self._sources.missing(id, info)
                self.has_gaps = True
                continue
            if given.size > MOST_BYTES:
                self._skip(f"artifact {id}", given.size)
                continue
            try:
                artifact = await self._sources.store.get(id)
            except DamagedDataError as error:
                self._sources.note(f"{given.task}.{given.output}", error.message, error.fix)
                artifact = None
            if artifact is None:
                self.has_gaps = True
                continue
            texts = _texts(artifact.content)
            self.found.append(Source(id, given.run_id, texts, SpeakerKind.CODE, given.lineage.agent, given))

    async def read_roots(self, info: ArtifactInfo) -> None:
        """What the workflow says to the task, and the inputs that it names, as they were written."""
        node, run = await self._sources.planned(info), await self._sources.run(info.run_id)
        bound = await self._sources.bound(info.run_id)
        if node is None or run is None or bound is None:
            self.has_gaps = self.has_gaps or bound is None
            return
        if node.foreach is not None and item_of(info.task) is None:
            return  # it only joins its items
        for name in dict.fromkeys(one.name for one in node.references if one.source is ReferenceSource.USER):
            self._root(run, f"user.{name}", run.variables.get(name), SpeakerKind.INPUT)
        for name, value in (node.spec.inputs or {}).items():
            self._root(run, f"{node.id}: inputs.{name}", value, SpeakerKind.VALUE)
        if node.system_prompt is not None:
            prompt = bound[0].system_prompt_of(node.id)
            self._root(run, f"{node.id}: system_prompt", prompt, SpeakerKind.PROMPT)
        for index, message in enumerate(bound[0].messages_of(node.id) or ()):
            self._root(run, f"{node.id}: messages[{index}]", message, SpeakerKind.PROMPT)

    async def read_calls(self, info: ArtifactInfo) -> None:
        """What the attempt that made it was answered by others than its agent."""
        own = _OWN_WORDS.get(info.lineage.agent.partition("://")[0])
        calls = [
            call
            for call in await self._sources.store.list_calls(info.run_id, info.task)
            if call.attempt == info.lineage.attempt
            and call.parent is None
            and call.kind in _ANSWERS
            and call.kind is not own
        ]
        if len(calls) > _MOST_CALLS:
            self.skipped.append(f"{len(calls) - _MOST_CALLS:,} calls of {info.task} after the first {_MOST_CALLS}")
        for call in calls[:_MOST_CALLS]:
            await self._call(call)

    async def _call(self, call: Call) -> None:
        if call.response is None:
            return
        if call.response.size > MOST_BYTES:
            self._skip(f"the answer of call {name_of(call)}", call.response.size)
            return
        detail = await call_detail(self._sources.store, call)
        for damage in detail.damage:
            self._sources.note(damage.where, damage.message, damage.fix)
            self.has_gaps = True
        if detail.response is not None and detail.response.text is not None:
            value = detail.response.value if isinstance(detail.response.value, dict | list) else detail.response.text
            texts = _texts(value)
            self.found.append(Source(name_of(call), call.run_id, texts, _ANSWERS[call.kind], call.target))

    def _root(self, run: Run, name: str, value: JsonValue, speaker: SpeakerKind) -> None:
        texts = _texts(value)
        if texts:
            self.found.append(Source(name, run.id, texts, speaker, name))

    def _skip(self, what: str, size: int) -> None:
        self.skipped.append(f"{what}: {size:,} bytes, more than the {MOST_BYTES:,} that are looked at")


def _texts(value: JsonValue) -> list[tuple[str, Text]]:
    """The texts in a value, without those that only refer to something else."""
    return [(path, Text(text)) for path, text in texts_in(value) if text.strip() and not _is_reference(text)]


def _is_reference(text: str) -> bool:
    return text.startswith("${") and text.endswith("}") and text.count("${") == 1
