"""What counts as an answer. People's answers are untrusted, and every way in for them goes through here."""

from collections.abc import Mapping
from typing import Final, Protocol

from pydantic import JsonValue

from binex.errors import BadOutputError, InputError, suggest
from binex.models.breakpoint import KEYS, Action, check_edited, read_stop_decision
from binex.models.decision import Decision, GoOnWith, read_decision
from binex.models.json_value import decode_json, encode_json
from binex.models.question import QuestionKind

APPROVED: Final = "approved"
REJECTED: Final = "rejected"
MAX_ANSWER_BYTES: Final = 1024 * 1024
"""How large an answer may be, as JSON, and its feedback with it."""
_VERDICTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("approved", "approve", "yes", "y"), APPROVED),
    **dict.fromkeys(("rejected", "reject", "no", "n"), REJECTED),
}


class Asked(Protocol):
    """A question, as its answer is held against it."""

    @property
    def kind(self) -> QuestionKind: ...

    @property
    def choices(self) -> tuple[str, ...]:
        """What may be chosen; of an ``output`` question the names that its answer must have, where they are several."""
        ...

    @property
    def shown(self) -> JsonValue:
        """What there is to look at; at a breakpoint it says what can be edited."""
        ...


def read_answer(asked: Asked, text: str) -> JsonValue:
    """The answer that somebody means who typed *text*: a choice or its number, JSON, or the text itself.

    Raises:
        InputError: it is no answer to this question.
    """
    refuse_if_too_large(len(text))
    match asked.kind:
        case QuestionKind.OUTPUT:
            return check_answer(asked, _read_output(asked, text))
        case QuestionKind.APPROVE | QuestionKind.CHOOSE:
            return check_answer(asked, _read_choice(asked, text.strip()))
        case QuestionKind.BREAKPOINT:
            return check_answer(asked, _read_action(text.strip()))
        case _ if asked.choices:
            return check_answer(asked, _read_choice(asked, text.strip()))
        case _:
            return check_answer(asked, text)


def check_answer(asked: Asked, value: JsonValue, feedback: str | None = None) -> JsonValue:
    """*value* as it is kept, if it is an answer to the question.

    Raises:
        InputError: it is none; the message says why.
    """
    try:
        refuse_if_too_large(len(encode_json(value)) + len(feedback or ""))
    except BadOutputError as error:
        raise InputError(f"the answer is not JSON: {error.message}") from error
    if feedback is not None and not (asked.kind is QuestionKind.APPROVE and value == REJECTED):
        raise InputError("feedback goes with a rejection", fix="leave it out, or reject")
    if not (_is_unicode(value) and _is_unicode(feedback)):
        raise InputError("the answer is not valid text", fix="give it in UTF-8")
    match asked.kind:
        case QuestionKind.APPROVE:
            return _one_of(value, (APPROVED, REJECTED))
        case QuestionKind.OUTPUT:
            return _named_as(value, asked.choices)
        case QuestionKind.INPUT if not isinstance(value, str):
            raise InputError("the answer must be text")
        case QuestionKind.BREAKPOINT:
            decision = read_stop_decision(value, asked.choices)
            if decision.action is Action.EDIT:
                check_edited(decision.edited, asked.shown)
        case _ if asked.choices:
            return _one_of(value, asked.choices)
        case QuestionKind.BUDGET:
            _refuse_unknown_model(read_decision(value))
    return value


def refuse_if_too_large(size: int) -> None:
    """Refuse an answer of *size* bytes or characters, if that is too much.

    Raises:
        InputError: it is.
    """
    if size > MAX_ANSWER_BYTES:
        raise InputError(
            f"the answer is too large: more than {MAX_ANSWER_BYTES:,} bytes",
            fix="keep it in a file of your own, and answer with the name of that file",
        )


def _read_output(asked: Asked, text: str) -> JsonValue:
    try:
        return decode_json(text.encode())
    except (ValueError, RecursionError) as error:
        if asked.choices:
            raise InputError(f"the answer is not JSON: {error}", fix=_example(asked.choices)) from error
        return text


def _read_action(text: str) -> JsonValue:
    """What is said at a stop: a word or its letter; behind ``edit`` JSON, or the answer as it is kept."""
    word, rest = [*text.split(maxsplit=1), "", ""][:2]
    if text.startswith("{"):
        word, rest = Action.EDIT, text
    word = KEYS.get(word.lower(), word.lower())
    if word != Action.EDIT or not rest:
        return f"{word} {rest}".strip()
    try:
        edited = decode_json(rest.encode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"what is edited is not JSON: {error}") from error
    return edited if text.startswith("{") else {Action.EDIT.value: edited}


def _read_choice(asked: Asked, text: str) -> str:
    """The choice that *text* is, or whose number it is; *text* itself where there is none."""
    if asked.kind is QuestionKind.APPROVE:
        return _VERDICTS.get(text.lower(), text)
    if text in asked.choices or not (text.isascii() and text.isdecimal() and len(text) < 9):
        return text
    number = int(text)
    return asked.choices[number - 1] if 1 <= number <= len(asked.choices) else text


def _one_of(value: JsonValue, choices: tuple[str, ...]) -> str:
    if isinstance(value, str) and value in choices:
        return value
    shown = f"'{value:.80}'" if isinstance(value, str) else "this"
    known = suggest(value, choices, "choices") if isinstance(value, str) else f"choices: {', '.join(choices)}"
    raise InputError(f"{shown} is not one of the choices", fix=known)


def _named_as(value: JsonValue, names: tuple[str, ...]) -> JsonValue:
    if not names:
        return value
    if not isinstance(value, dict) or value.keys() != set(names):
        raise InputError("the answer must be an object with exactly the outputs of the task", fix=_example(names))
    return value


def _refuse_unknown_model(decision: Decision) -> None:
    """Refuse to go on with a model of a provider that does not exist: the decision would hold for the whole run."""
    if isinstance(decision, GoOnWith):
        from binex.adapters.llm.backends import Backends  # not needed for any other answer

        Backends().name_of(decision.model)


def _example(names: tuple[str, ...]) -> str:
    return "write {" + ", ".join(f'"{name}": …' for name in names) + "}"


def _is_unicode(value: JsonValue) -> bool:
    """Whether every text in *value* is one; JSON can escape half a character, which no file can hold."""
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return False
            return True
        case dict():
            return all(_is_unicode(key) and _is_unicode(item) for key, item in value.items())
        case list():
            return all(map(_is_unicode, value))
        case _:
            return True
