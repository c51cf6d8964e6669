"""The script of the scripted model: a list of answers, from the workflow or from a YAML file beside it."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import yaml
from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from binex.errors import FieldFault, InputError, suggest
from binex.models.base import Model
from binex.models.call import Usage
from binex.models.json_value import encode_json

MAX_BYTES: Final = 1024 * 1024
MAX_ANSWERS: Final = 10_000
_MAX_FAULTS: Final = 20
_FIX: Final = "write for example {text: Hello}; 'The scripted model' in the page on models names every key"

Pause = Annotated[int, Field(ge=0, le=86_400_000, strict=True)]


class ScriptedTool(Model):
    """A tool that the model asks for."""

    name: str
    arguments: dict[str, JsonValue] | str = Field(default_factory=dict)
    """A map, or a text to be handed on word for word: what is no JSON, for instance."""
    id: str | None = None

    @property
    def arguments_text(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else encode_json(self.arguments).decode()


class ScriptedStatus(Model):
    """A provider that answers with an HTTP status."""

    status: Annotated[int, Field(ge=400, le=599, strict=True)]
    retry_after_ms: Pause | None = None
    body: str = ""


class Condition(Model):
    """When an answer fits."""

    contains: str | None = None
    """The last message of the request has this text in it."""
    model: str | None = None
    """The model is called so."""


class ScriptedAnswer(Model):
    """One answer: what the model says, how it comes in, and what goes wrong."""

    text: str | None = None
    """What it says, word by word."""
    chunks: tuple[str, ...] | None = None
    """What it says, piece by piece."""
    json_value: JsonValue = Field(default=None, alias="json")
    """What it says, as JSON."""
    reasoning: str | None = None
    """What it thinks before it says anything."""
    tool_calls: tuple[ScriptedTool, ...] = ()
    """What it asks for."""
    when: Condition | None = None
    """Only then."""
    repeat: Annotated[int, Field(ge=1, strict=True)] = 1
    """How often it is given before the next one."""
    delay_ms: Pause = 0
    """The pause before it begins."""
    chunk_delay_ms: Pause = 0
    """The pause after each piece."""
    usage: Usage | None = None
    """The tokens that it says it took; counted in words otherwise."""
    price: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """What it costs, in US dollars; nothing where none is given."""
    finish: str | None = None
    """Why it stops, as in `length`."""
    error: ScriptedStatus | Literal["reset", "hang", "half_stream", "malformed", "refusal"] | None = None
    """What goes wrong."""

    @field_validator("text", mode="before")
    @classmethod
    def _read_scalar(cls, value: object) -> object:
        """A number or a yes is a text too, where a text is meant: YAML would have it otherwise."""
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, int | float) else value

    @model_validator(mode="after")
    def _refuse_nothing_and_too_much(self) -> Self:
        said = self.model_fields_set & {"text", "chunks", "json_value"}
        if len(said) > 1:
            raise ValueError("only one of 'text', 'json' and 'chunks' can be said")
        if not said and not self.tool_calls and self.error is None:
            raise ValueError("there is nothing in it: give 'text', 'json', 'chunks', 'tool_calls' or 'error'")
        return self

    @property
    def pieces(self) -> tuple[str, ...]:
        """What it says, in the pieces in which it comes in."""
        if self.chunks is not None:
            return self.chunks
        text = self.text or ""
        if "json_value" in self.model_fields_set:
            text = encode_json(self.json_value).decode()
        return tuple(_words(text))


class Script(Model):
    """All answers, and what comes after the last one."""

    answers: tuple[ScriptedAnswer, ...]
    is_repeating: bool = True
    """Whether the last answer that fits is given again when all are used up; otherwise the call fails."""


def read_answers(
    value: object, path: tuple[str | int, ...] = ()
) -> tuple[tuple[ScriptedAnswer, ...], list[FieldFault]]:
    """The answers in *value*, and what is wrong with them; the faults' paths begin with *path*."""
    if not isinstance(value, list) or not value:
        return (), [FieldFault(path, "the script must be a list of answers", "- text: Hello")]
    if len(value) > MAX_ANSWERS:
        return (), [FieldFault(path, f"the script has more than {MAX_ANSWERS:,} answers", "use 'repeat'")]
    answers: list[ScriptedAnswer] = []
    faults: list[FieldFault] = []
    for index, entry in enumerate(value):
        try:
            answers.append(ScriptedAnswer.model_validate(entry))
        except ValidationError as error:
            found = (_fault_of((*path, index), index + 1, dict(one)) for one in error.errors(include_url=False))
            faults += dict.fromkeys(found)
    return tuple(answers), faults[:_MAX_FAULTS]


def read_script_file(name: str, folder: str | Path | None) -> tuple[ScriptedAnswer, ...]:
    """The answers in a file of the workflow's folder.

    Raises:
        InputError: it is not there, not inside of the folder, or no script.
    """
    if folder is None:
        raise InputError(f"the script '{name:.80}' has no folder to be found in", fix="use 'answers' instead")
    root = Path(folder).resolve()
    try:
        place = (root / name).resolve()
        if not place.is_relative_to(root):
            message = f"the script '{name:.80}' is outside of the workflow's folder"
            raise InputError(message, fix=f"put it under {root}")
        if place.exists() and not place.is_file():
            raise InputError(f"the script '{name:.80}' is no file", fix="script: answers.yaml")
        with place.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InputError(f"the script '{name:.80}' is larger than {MAX_BYTES:,} bytes", fix="use 'repeat'")
        text = data.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"the script '{name:.80}' cannot be read: {why}", fix=f"it is looked for in {root}") from None
    answers, faults = read_answers(_read_yaml(name, text))
    if faults:
        wrong = "; ".join(fault.message for fault in faults[:5])
        raise InputError(f"the script '{name:.80}': {wrong}", fix=faults[0].fix)
    return answers


class _NoAliases(yaml.SafeLoader):
    """A loader that refuses aliases, which make a small file a large value."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not supported in a script")
        return super().compose_node(parent, index)


def _read_yaml(name: str, text: str) -> object:
    try:
        return yaml.load(text, _NoAliases)  # a SafeLoader: plain values only
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        why = getattr(error, "problem", None) or str(error) or "it is nested too deep"
        raise InputError(f"{name:.80}{place}: no YAML: {why:.200}", fix="a script is a list of answers") from None


def _fault_of(path: tuple[str | int, ...], number: int, error: Mapping[str, object]) -> FieldFault:
    location = error["loc"] if isinstance(error["loc"], tuple) else ()
    where = tuple(part for part in location if isinstance(part, int) or part in _WORDS)
    place = f"answer {number}" + (f", {'.'.join(map(str, where))}" if where else "")
    if error["type"] == "extra_forbidden" and location:
        key = str(location[-1])
        message = f"answer {number}: unknown key '{key:.40}'"
        return FieldFault((*path, *location), message, suggest(key, _keys_beside(location), "keys"), at_key=True)
    why = str(error["msg"]).removeprefix("Value error, ")
    if where == ("error",):  # of a union every member complains
        why = "it must be {status: 429}, or one of reset, hang, half_stream, malformed and refusal"
    elif error["type"] == "model_type":
        why = "it must be an object"
    return FieldFault((*path, *where), f"{place}: {why}", _FIX)


def _keys_of(model: type[Model]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


_PARTS: Final[Mapping[str, type[Model]]] = {
    "when": Condition,
    "tool_calls": ScriptedTool,
    "error": ScriptedStatus,
    "usage": Usage,
}
_MODELS: Final[tuple[type[Model], ...]] = (ScriptedAnswer, *_PARTS.values())
_WORDS: Final = frozenset(key for model in _MODELS for key in _keys_of(model))


def _keys_beside(location: tuple[str | int, ...]) -> Iterable[str]:
    return _keys_of(_PARTS.get(str(location[0]), ScriptedAnswer) if len(location) > 1 else ScriptedAnswer)


def _words(text: str) -> list[str]:
    """*text* in pieces, each a word with the blanks before it."""
    words: list[str] = []
    start = 0
    for at in range(1, len(text)):
        if text[at].isspace() and not text[at - 1].isspace():
            words.append(text[start:at])
            start = at
    return [*words, text[start:]] if text else []
