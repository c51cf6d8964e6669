"""What the YAML parser's own errors mean, in the words of somebody who wrote a workflow.

The wording that is matched here is libyaml's (``scanner.c``, ``parser.c``) and that of PyYAML's pure
parser; what is not known is passed on as it is.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from yaml.error import MarkedYAMLError

from binex.loader.yaml_text import SourceText

_LEADING_SPACE = re.compile(r"[ \t]*")
_CLOSERS: Final = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class _Trouble:
    """An error of the parser: where it was noticed, and where what was being read began."""

    source: SourceText
    problem: str
    context: str
    index: int
    start: int

    @property
    def character(self) -> str:
        """The character at which it was noticed; empty at the end of the file."""
        return self.source.text[self.index : self.index + 1]

    @property
    def line_before(self) -> str:
        """The line up to there."""
        return self.source.text[self.line_start : self.index]

    @property
    def line_start(self) -> int:
        return self.index - self.source.place(self.index).column + 1

    def tab(self) -> int | None:
        """Where the line is indented with a tab."""
        indentation = _LEADING_SPACE.match(self.source.text, self.line_start)
        tab = indentation.group().find("\t") if indentation else -1
        return None if tab < 0 else self.line_start + tab


_Explanation = tuple[str, int, str | None]
"""Message, offset, fix."""


def explain(source: SourceText, error: MarkedYAMLError) -> None:
    """Complain about what *error* means."""
    problem_mark = error.problem_mark or error.context_mark
    index = min(problem_mark.index if problem_mark else 0, len(source.text))
    start = min(error.context_mark.index, index) if error.context_mark else index
    trouble = _Trouble(source, error.problem or "", error.context or "", index, start)
    if (tab := trouble.tab()) is not None:
        source.complain("a tab is used for indentation", tab, "indent with spaces; YAML does not allow tabs there")
        return
    for pattern, explanation in _EXPLANATIONS:
        if pattern.search(f"{trouble.context}: {trouble.problem}"):
            source.complain(*explanation(trouble))
            return
    source.complain(f"not valid YAML: {trouble.problem}", index, "quote text that holds special characters")


def _directive(trouble: _Trouble) -> _Explanation:
    return "this directive is not understood", trouble.start, "remove the line that starts with '%'"


def _alias_or_anchor(trouble: _Trouble) -> _Explanation:
    sign = trouble.source.text[trouble.start : trouble.start + 1]
    return f"{sign!r} starts an {trouble.context.split()[-1]}, but no name follows", trouble.start, _quote_it(sign)


def _tag(trouble: _Trouble) -> _Explanation:
    fix = "remove the tag; quote the text if its '!' is meant as text"
    return "a tag is not allowed here: a workflow holds plain YAML types only", trouble.start, fix


def _open_quote(trouble: _Trouble) -> _Explanation:
    quote = trouble.source.text[trouble.start : trouble.start + 1]
    within = "write '' for a ' inside single quotes" if quote == "'" else 'write \\" for a " inside double quotes'
    return "the quote that opens here is never closed", trouble.start, f"close it; {within}"


def _escape(trouble: _Trouble) -> _Explanation:
    index = max(trouble.source.text.rfind("\\", trouble.start, trouble.index + 1), trouble.start)
    return bad_escape(trouble.source, index)


def bad_escape(source: SourceText, index: int) -> _Explanation:
    """What is to be said about the escape at *index*, which means nothing."""
    letter = source.text[index + 1 : index + 2]
    escape = source.text[index : index + {"x": 4, "u": 6, "U": 10}.get(letter, 2)]
    fix = "write the character itself" if letter in "uU" else "write \\\\ for a backslash, or use single quotes"
    return f"{escape if escape.isprintable() else 'this'} is not a valid escape", index, fix


def _open_bracket(trouble: _Trouble) -> _Explanation:
    opener = trouble.source.text[trouble.start : trouble.start + 1]
    closer = _CLOSERS.get(opener, "]")
    if not trouble.character:
        return f"the {opener!r} that opens here is never closed", trouble.start, f"close it with {closer!r}"
    if trouble.character == "{" and trouble.line_before.endswith("$"):
        message = f"'${{' must be quoted between {opener!r} and {closer!r}"
        return message, trouble.index - 1, 'put the text in double quotes, as in "${node.output}"'
    line = trouble.source.place(trouble.start).line
    message = f"expected ',' or {closer!r} after the {opener!r} on line {line}"
    return message, trouble.index, f"close it with {closer!r}, or quote text that holds any of , : [ ] {{ }}"


def _second_colon(trouble: _Trouble) -> _Explanation:
    if re.search(r":\s", trouble.line_before):
        return "a value that holds ': ' must be quoted", trouble.index, "put quotes around the whole value"
    indentation = len(trouble.line_before) - len(trouble.line_before.lstrip())
    fix = "align it with the keys above; where it belongs to the line above, that line must end with ':'"
    return "a key may not stand here", trouble.line_start + indentation, fix


def _list_beside_key(trouble: _Trouble) -> _Explanation:
    fix = "put '- ' on a line of its own, or write the list as [a, b]"
    return "a list may not start on the line of its key", trouble.index, fix


def _missing_colon(trouble: _Trouble) -> _Explanation:
    return "a ':' is missing after this key", trouble.start, "write 'key: value'"


def _does_not_fit(trouble: _Trouble) -> _Explanation:
    if trouble.character == ":":
        return _missing_key(trouble)
    if trouble.line_before.rstrip()[-1:] in ("'", '"'):
        fix = "quote the whole value; inside single quotes write '' for ', inside double quotes \\\" for \""
        return "text follows a closing quote", trouble.index, fix
    kind = "mapping" if "mapping" in trouble.context else "list"
    line = trouble.source.place(trouble.start).line
    message = f"this does not fit the {kind} that starts on line {line}"
    return message, trouble.index, "align it with that line, or indent it further where it belongs to the line above"


def _bad_start(trouble: _Trouble) -> _Explanation:
    if not trouble.character:
        return "a value is missing at the end of the file", trouble.index, "write the value, or close what is open"
    sign = trouble.character
    if sign == ":":
        return _missing_key(trouble)
    if sign == "\t":
        return "a tab may not stand here", trouble.index, "use spaces"
    return f"a value may not start with {sign!r}", trouble.index, _quote_it(sign)


def _missing_key(trouble: _Trouble) -> _Explanation:
    return "a key is missing before ':'", trouble.index, "write a key, or quote text that holds a ':'"


def _block_text(trouble: _Trouble) -> _Explanation:
    fix = "start the text on the next line, indented with spaces"
    return "after '|' or '>' only '-', '+' or a digit from 1 to 9 may stand", trouble.index, fix


def _after_the_end(trouble: _Trouble) -> _Explanation:
    return "text follows the end of the document", trouble.index, "remove the '...' or '---' line above it"


def _quote_it(sign: str) -> str:
    return f'put the text in quotes, as in "{sign}..."'


_EXPLANATIONS: Final[tuple[tuple[re.Pattern[str], Callable[[_Trouble], _Explanation]], ...]] = tuple(
    (re.compile(pattern), explanation)
    for pattern, explanation in (
        (r"directive|incompatible YAML", _directive),
        (r"an (alias|anchor): ", _alias_or_anchor),
        (r"a tag|tag handle", _tag),
        (r"quoted.*(end of stream|document (indicator|separator))", _open_quote),
        (r"escape|hexdecimal|Unicode character", _escape),
        (r"',' or '[\]}]'", _open_bracket),
        (r"mapping values are not allowed|mapping keys are not allowed", _second_colon),
        (r"sequence entries are not allowed", _list_beside_key),
        (r"could not find expected ':'", _missing_colon),
        (r"expected key|<block end>|'-' indicator", _does_not_fit),
        (r"node content|cannot start any token", _bad_start),
        (r"block scalar", _block_text),
        (r"<document start>", _after_the_end),
    )
)
