"""What a node of a person asks: read from the node's settings, and checked before anything runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pydantic import JsonValue

from binex.adapters.attempt import Ask
from binex.adapters.base import NodeUse
from binex.adapters.human_answer import check_answer, read_answer
from binex.errors import AgentError, FieldFault, InputError, suggest
from binex.models.question import OnTimeout, QuestionKind
from binex.models.task import TaskNode

SCHEME: Final = "human://"
FEEDBACK: Final = "feedback"
"""The output of an ``approve`` node that says why something was rejected; it is there without being declared."""
_TEXTS: Final[Mapping[QuestionKind, str]] = {
    QuestionKind.INPUT: "What do you say?",
    QuestionKind.APPROVE: "Is this approved?",
    QuestionKind.CHOOSE: "Which one?",
    QuestionKind.OUTPUT: "What is the result?",
}
SHOWS: Final = "human://output"
"""No question: it shows its inputs to whoever looks at the run."""
_ASKED: Final = (QuestionKind.INPUT, QuestionKind.APPROVE, QuestionKind.CHOOSE)
_NAMES: Final = (*(kind.value for kind in _ASKED), "output")
_MISSES_SHOWN: Final = 5
_KEYS: Final = ("text", "prompt", "choices", "default", "on_timeout")


def kind_of(agent: str, outputs: Sequence[str] = (), *, has_schema: bool = False) -> QuestionKind:
    """What sort of question an agent's URI means; an input of several outputs, or with a schema, is JSON.

    Raises:
        InputError: there is no such question.
    """
    name = agent.removeprefix(SCHEME)
    if name not in _ASKED:
        raise InputError(f"'{agent:.80}' is no question to a person", fix=suggest(name, _NAMES, "questions"))
    kind = QuestionKind(name)
    return QuestionKind.OUTPUT if kind is QuestionKind.INPUT and (len(outputs) > 1 or has_schema) else kind


def answer_output(kind: QuestionKind, outputs: Sequence[str]) -> list[str]:
    """The outputs that hold what was said: all, but for the feedback of an approval."""
    return [output for output in outputs if kind is not QuestionKind.APPROVE or output != FEEDBACK]


def question_of(task: TaskNode) -> Ask:
    """The question that *task* asks.

    Raises:
        AgentError: its settings, now that their references are filled in, make no question.
    """
    kind = kind_of(task.agent, task.outputs, has_schema=task.output_schema is not None)
    faults = _faults_of_config(kind, task.config, task.outputs)
    if faults:
        place = ".".join(str(part) for part in faults[0].path)
        raise AgentError(f"{place}: {faults[0].message}", fix=faults[0].fix, is_retryable=False)
    given = task.config.get("text", task.config.get("prompt", task.system_prompt))
    ask = Ask(
        kind=kind,
        text=str(given or _TEXTS[kind]),
        shown=task.inputs or None,
        choices=_choices(kind, task.config, task.outputs),
        on_timeout=_on_timeout(task.config),
        deadline_ms=task.deadline_ms,
    )
    default = task.config.get("default")
    return ask if default is None else _with_default(ask, default)


def ask_again(first: Ask, last: Ask, misses: Sequence[str]) -> Ask:
    """The question that follows an answer which does not fit: another one, since that answer is kept."""
    number = int(last.key.rpartition("-")[2]) if last is not first else 1
    text = f"{first.text}\nThe answer before does not fit: {'; '.join(misses[:_MISSES_SHOWN])}"
    return replace(first, key=f"{first.key}-{number + 1}", text=text)


def faults_of(use: NodeUse) -> list[FieldFault]:
    """What is wrong with the use of a person as an agent; what a reference stands for is seen later."""
    if use.agent == SHOWS:
        message = f"{SHOWS} asks nothing, and takes no settings"
        return [FieldFault(("config", key), message, "remove it", at_key=True) for key in use.config]
    try:
        kind = kind_of(use.agent, use.outputs, has_schema=use.has_schema)
    except InputError as error:
        return [FieldFault(("agent",), error.message, error.fix)]
    faults = _faults_of_config(kind, use.config, use.outputs)
    if kind is not QuestionKind.OUTPUT and len(answer_output(kind, use.outputs)) != 1:
        message = f"the answer to {use.agent} is one output, and the node declares {', '.join(use.outputs)}"
        faults.append(FieldFault(("outputs",), message, "declare one output"))
    if use.has_schema and kind in (QuestionKind.APPROVE, QuestionKind.CHOOSE):
        message = f"the answers to {use.agent} are fixed, and no schema is held against them"
        faults.append(FieldFault(("output_schema",), message, "remove it", at_key=True))
    if use.has_instructions and any(key in use.config for key in ("text", "prompt")):
        faults.append(FieldFault(("system_prompt",), "the question is there twice", "leave system_prompt out"))
    return faults


def _faults_of_config(kind: QuestionKind, config: Mapping[str, JsonValue], outputs: Sequence[str]) -> list[FieldFault]:
    faults = [
        FieldFault(("config", key), f"'{key:.80}' is no setting of a question", suggest(key, _KEYS, "settings"), True)
        for key in config
        if key not in _KEYS
    ]
    faults += [
        FieldFault(("config", key), f"'{key}' must be text", "write the question here")
        for key in ("text", "prompt")
        if key in config and not isinstance(config[key], str)
    ]
    if "text" in config and "prompt" in config:
        faults.append(FieldFault(("config", "prompt"), "the question is there twice", "leave 'prompt' out", True))
    faults += _faults_of_choices(kind, config)
    on_timeout = config.get("on_timeout", OnTimeout.FAIL.value)
    if on_timeout not in tuple(OnTimeout) and not _is_filled_in_later(on_timeout):
        faults.append(FieldFault(("config", "on_timeout"), "'on_timeout' must be 'default' or 'fail'"))
    if on_timeout == OnTimeout.DEFAULT and config.get("default") is None:
        faults.append(FieldFault(("config", "on_timeout"), "there is no 'default' to be taken", "add default"))
    if not faults and config.get("default") is not None and not _is_filled_in_later([*config.values()]):
        ask = Ask(kind=kind, text="", choices=_choices(kind, config, outputs))
        try:
            _with_default(ask, config["default"])
        except AgentError as error:
            faults.append(FieldFault(("config", "default"), error.message, error.fix))
    return faults


def _faults_of_choices(kind: QuestionKind, config: Mapping[str, JsonValue]) -> list[FieldFault]:
    path = ("config", "choices")
    if kind is not QuestionKind.CHOOSE:
        message = f"only {SCHEME}choose has choices"
        return [FieldFault(path, message, "remove them", True)] if "choices" in config else []
    choices = config.get("choices")
    if _is_filled_in_later(choices):
        return []
    if not isinstance(choices, list) or not choices:
        message = "there is nothing to choose from" if choices in (None, []) else "'choices' must be a list"
        place = path if "choices" in config else ("config",)
        return [FieldFault(place, message, "choices: [first, second]")]
    if not all(isinstance(choice, str) and choice.strip() for choice in choices):
        return [FieldFault(path, "every choice must be text", "put numbers and words such as yes into quotes")]
    if len(set(map(str, choices))) < len(choices):
        return [FieldFault(path, "a choice is there twice", "remove one of them")]
    return []


def _choices(kind: QuestionKind, config: Mapping[str, JsonValue], outputs: Sequence[str]) -> tuple[str, ...]:
    if kind is QuestionKind.OUTPUT:
        return tuple(outputs) if len(outputs) > 1 else ()
    choices = config.get("choices")
    return tuple(map(str, choices)) if kind is QuestionKind.CHOOSE and isinstance(choices, list) else ()


def _on_timeout(config: Mapping[str, JsonValue]) -> OnTimeout:
    """A default that is given is taken, unless the node says otherwise."""
    implied = OnTimeout.FAIL if config.get("default") is None else OnTimeout.DEFAULT
    return OnTimeout(str(config.get("on_timeout", implied.value)))


def _with_default(ask: Ask, default: JsonValue) -> Ask:
    """The question with its default, as it would be kept as an answer.

    Raises:
        AgentError: it is no answer to the question.
    """
    try:
        if isinstance(default, str) and ask.kind is QuestionKind.APPROVE:
            value = read_answer(ask, default)
        else:
            value = check_answer(ask, default)
    except InputError as error:
        raise AgentError(f"the default is no answer: {error.message}", fix=error.fix, is_retryable=False) from error
    return replace(ask, default=value)


def _is_filled_in_later(value: JsonValue) -> bool:
    """Whether there is a reference in it; a literal ``$${`` counts as one, which only leaves a check to the run."""
    match value:
        case str():
            return "${" in value
        case list():
            return any(map(_is_filled_in_later, value))
        case dict():
            return any(map(_is_filled_in_later, value.values()))
        case _:
            return False
