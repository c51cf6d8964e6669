"""The scripted model ``llm://mock/<name>``: says what a script tells it, fails where it is told to, and costs nothing.

It takes all settings that any provider has, so that a workflow can be tried without one by changing the agent alone.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn, cast

from pydantic import JsonValue

from binex.adapters.llm.mock_script import Script, ScriptedAnswer, ScriptedStatus, read_answers, read_script_file
from binex.adapters.llm.port import (
    Connection,
    Finished,
    FinishReason,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallMade,
)
from binex.adapters.llm.settings import SCRIPT, has_reference
from binex.adapters.llm.settings_tables import RULES
from binex.errors import AgentError, BadReplyError, FieldFault, InputError, RemoteError, suggest
from binex.models.call import Usage

PROVIDER: Final = "mock"
_ECHOED: Final = 200
_ON_END: Final = ("repeat", "fail")


@dataclass(slots=True)
class _Progress:
    """How far one task has come in its script."""

    used: dict[int, int] = field(default_factory=dict)
    requests: int = 0


class MockBackend:
    """Gives the answers of a script in order, to each task of each run from the beginning.

    The script and the task come in the options of the connection: ``script`` or ``answers``, ``on_end``, and
    ``folder``, ``run``, ``task`` and ``attempt``. Later attempts at a task go on where the earlier ones were; one
    that another process began is taken to have had one answer for each attempt.
    """

    providers = (PROVIDER,)

    def __init__(self) -> None:
        self._progress: dict[tuple[JsonValue, JsonValue], _Progress] = {}
        self._scripts: dict[tuple[str, str], tuple[ScriptedAnswer, ...]] = {}

    def faults(self, provider: str, model: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:  # noqa: ARG002 - one provider, any model
        """What is wrong with the script, as far as it stands in the workflow, and which keys there are not."""
        faults: list[FieldFault] = []
        for key, value in settings.items():
            fitting = [rules[key] for rules in RULES.values() if key in rules]
            if not fitting and key not in SCRIPT:
                fix = suggest(key, SCRIPT.union(*RULES.values()), "settings of mock")
                faults.append(FieldFault(("config", key), f"'{key:.40}' is not a setting of mock", fix, at_key=True))
            elif fitting and not has_reference(value) and not any(rule.is_kept(value) for rule in fitting):
                words = fitting[0].words
                message = f"'{key}' must be {words}, not {value!r:.80}"
                faults.append(FieldFault(("config", key), message, f"write {key}: as {words}"))
        return [*faults, *_script_faults(settings)]

    def has_structured_output(self, provider: str, model: str) -> bool:  # noqa: ARG002
        """No: what it says is in its script."""
        return False

    def key_variables(self, provider: str) -> tuple[str, ...]:  # noqa: ARG002
        """None: it needs no key."""
        return ()

    def estimate_cost(self, connection: Connection) -> float | None:
        """The most that one answer of the script costs; None where it says nothing of prices."""
        return max(
            (answer.price for answer in self._script(connection).answers if answer.price is not None), default=None
        )

    def prepare(self, config: Mapping[str, JsonValue], folder: str | None) -> list[FieldFault]:
        """Read the script's file, if there is one."""
        name = config.get("script")
        if not isinstance(name, str):
            return []
        try:
            self._scripts[folder or "", name] = read_script_file(name, folder)
        except InputError as error:
            return [FieldFault(("config", "script"), error.message, error.fix)]
        return []

    async def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
        """The next answer of the script that fits; without a script, a text that says what was asked."""
        progress = self._progress_of(connection)
        progress.requests += 1
        answer = self._next(progress, self._script(connection), request)
        await asyncio.sleep(answer.delay_ms / 1000)
        if isinstance(answer.error, ScriptedStatus):
            _refuse(answer.error)
        if answer.error == "hang":
            await asyncio.Event().wait()
        if answer.error == "malformed":
            raise BadReplyError("bad reply from mock: no JSON: <html>Bad gateway</html>", host=PROVIDER)
        if answer.reasoning:
            yield ReasoningDelta(text=answer.reasoning)
        is_cut = answer.error in ("half_stream", "reset")
        pieces = answer.pieces
        for piece in pieces[: (len(pieces) + 1) // 2] if is_cut else pieces:
            yield TextDelta(text=piece)
            await asyncio.sleep(answer.chunk_delay_ms / 1000)
        if answer.error == "half_stream":
            raise BadReplyError("bad reply from mock: the stream ended before the reply was complete", host=PROVIDER)
        if answer.error == "reset":
            raise RemoteError("mock: connection reset by peer", host=PROVIDER)
        for number, tool in enumerate(answer.tool_calls, 1):
            call_id = tool.id or f"call_{progress.requests}_{number}"
            yield ToolCallMade(call=ToolCall(id=call_id, name=tool.name, arguments=tool.arguments_text))
        yield Finished(
            reason=answer.finish or _reason_of(answer),
            usage=answer.usage or _count(request, answer),
            model=request.model,
            id=f"mock-{progress.requests}",
            cost_usd=answer.price,
        )

    async def list_models(self, provider: str, connection: Connection) -> list[str] | None:  # noqa: ARG002
        """It cannot tell: it answers to any name."""
        return None

    def _progress_of(self, connection: Connection) -> _Progress:
        options = connection.options
        key = (options.get("run"), options.get("task"))
        if key not in self._progress:
            earlier = cast(int, options.get("attempt", 1)) - 1
            self._progress[key] = _Progress(requests=earlier, used=self._used_before(earlier, connection))
        return self._progress[key]

    def _used_before(self, count: int, connection: Connection) -> dict[int, int]:
        used: dict[int, int] = {}
        for index, answer in enumerate(self._script(connection).answers):
            if count > 0:
                used[index] = min(answer.repeat, count)
                count -= used[index]
        return used

    def _script(self, connection: Connection) -> Script:
        options = connection.options
        answers: tuple[ScriptedAnswer, ...] = ()
        try:
            if "answers" in options:
                answers, faults = read_answers(options["answers"])
                if faults:
                    raise InputError(faults[0].message, fix=faults[0].fix)
            elif "script" in options:
                answers = self._read_file(str(options["script"]), cast(str | None, options.get("folder")))
        except InputError as error:
            raise AgentError(error.message, fix=error.fix, is_retryable=False) from None
        return Script.model_construct(answers=answers, is_repeating=options.get("on_end", "repeat") == "repeat")

    def _read_file(self, name: str, folder: str | None) -> tuple[ScriptedAnswer, ...]:
        key = (folder or "", name)
        if key not in self._scripts:
            self._scripts[key] = read_script_file(name, folder)
        return self._scripts[key]

    def _next(self, progress: _Progress, script: Script, request: ModelRequest) -> ScriptedAnswer:
        if not script.answers:
            return ScriptedAnswer(text=_echo(request))
        fitting = [(index, answer) for index, answer in enumerate(script.answers) if _fits(answer, request)]
        for index, answer in fitting:
            if progress.used.get(index, 0) < answer.repeat:
                progress.used[index] = progress.used.get(index, 0) + 1
                return answer
        if fitting and script.is_repeating:
            return fitting[-1][1]
        why = "all answers of the script that fit are used up" if fitting else "no answer of the script fits"
        asked = " ".join(_last_of(request).split())[:_ECHOED]
        raise AgentError(f"mock: {why}; it was asked: {asked}", fix="add an answer to the script", is_retryable=False)


def _script_faults(settings: Mapping[str, JsonValue]) -> list[FieldFault]:
    faults: list[FieldFault] = []
    script, end = settings.get("script"), settings.get("on_end", _ON_END[0])
    if "script" in settings and "answers" in settings:
        message = "a model has one script: either 'script' or 'answers'"
        faults.append(FieldFault(("config", "script"), message, "remove one", at_key=True))
    if "script" in settings and (not isinstance(script, str) or not script or has_reference(script)):
        faults.append(FieldFault(("config", "script"), "'script' must name a file", "script: answers.yaml"))
    if end not in _ON_END:
        faults.append(FieldFault(("config", "on_end"), "'on_end' must be repeat or fail", "on_end: fail"))
    if "answers" in settings and not has_reference(settings["answers"]):
        faults += read_answers(settings["answers"], ("config", "answers"))[1]
    return faults


def _fits(answer: ScriptedAnswer, request: ModelRequest) -> bool:
    when = answer.when
    if when is None:
        return True
    is_asked = when.contains is None or when.contains in _last_of(request)
    return is_asked and when.model in (None, request.model)


def _last_of(request: ModelRequest) -> str:
    return request.messages[-1].content if request.messages else ""


def _echo(request: ModelRequest) -> str:
    said = [message.content for message in request.messages if message.role == "user"]
    asked = " ".join((said[-1] if said else "nothing").split())
    return f"mock answer to {asked[:_ECHOED]}" + ("…" if len(asked) > _ECHOED else "")


def _refuse(error: ScriptedStatus) -> NoReturn:
    detail = f": {error.body[:200]}" if error.body else ""
    raise RemoteError(
        f"mock answered {error.status}{detail}",
        host=PROVIDER,
        status=error.status,
        body=error.body,
        retry_after_ms=error.retry_after_ms,
    )


def _reason_of(answer: ScriptedAnswer) -> str:
    if answer.error == "refusal":
        return FinishReason.REFUSAL
    return FinishReason.TOOL_CALLS if answer.tool_calls else FinishReason.STOP


def _count(request: ModelRequest, answer: ScriptedAnswer) -> Usage:
    """Tokens, taken to be words: always the same for the same text."""
    read = sum(len(message.content.split()) for message in request.messages)
    return Usage(input_tokens=read, output_tokens=len("".join(answer.pieces).split()))
