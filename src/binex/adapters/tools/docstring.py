"""Reads what a docstring says about a function and its parameters, in the styles of Google, Sphinx and NumPy.

Written here because a model only needs the first paragraph and a sentence for each parameter; a parser of
whole docstrings would be the largest dependency of the adapter.
"""

import inspect
import re
from textwrap import dedent
from typing import Final

_GOOGLE: Final = re.compile(r"^(?:Args|Arguments|Parameters|Params):[ \t]*\n(?P<body>(?:[ \t]+.*\n|[ \t]*\n)+)", re.M)
_NUMPY: Final = re.compile(r"^Parameters[ \t]*\n-{3,}[ \t]*\n(?P<body>(?:(?!.*\n-{3,}).*\n)+)", re.M)
_MORE: Final = r"(?P<text>.*(?:\n[ \t]+.*|\n[ \t]*(?=\n[ \t]))*)"
"""The rest of a line, and what is indented below it."""
_SPHINX_ENTRY: Final = re.compile(
    rf"^:(?:param|parameter|arg|argument)[ \t]+(?:[^:\n]*[ \t])?(?P<name>\w+):{_MORE}", re.M
)
_GOOGLE_ENTRY: Final = re.compile(rf"^\*{{0,2}}(?P<name>\w+)[ \t]*(?:\([^\n]*?\))?:{_MORE}", re.M)
_NUMPY_ENTRY: Final = re.compile(rf"^\*{{0,2}}(?P<name>\w+)[ \t]*(?::[^\n]*)?(?=\n[ \t]){_MORE}", re.M)


def read_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first paragraph of *text*, and what it says about parameters, by their names."""
    text = inspect.cleandoc(text) + "\n"
    places = [(text, _SPHINX_ENTRY)]
    places += [(dedent(section["body"]), _GOOGLE_ENTRY) for section in _GOOGLE.finditer(text)]
    places += [(section["body"], _NUMPY_ENTRY) for section in _NUMPY.finditer(text)]
    described = {
        entry["name"]: " ".join(entry["text"].split()) for body, style in places for entry in style.finditer(body)
    }
    first = re.split(r"\n[ \t]*\n|\n(?=:\w)", text.strip(), maxsplit=1)[0]
    is_about_parameters = _GOOGLE.match(text) or _NUMPY.match(text) or _SPHINX_ENTRY.match(text)
    described = {name: said for name, said in described.items() if said}
    return "" if is_about_parameters else " ".join(first.split()), described
