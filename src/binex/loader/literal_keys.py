"""Keys that somebody wrote into a workflow instead of naming them with ``${secret.*}``."""

import json
from collections.abc import Iterator

from binex.errors import Fault
from binex.loader.places import read_again
from binex.loader.yaml_text import SourceText
from binex.models.workflow import WorkflowSource
from binex.tape.redaction import Redactor, find_shapes

_FIX = "put it into the environment and write ${secret.NAME} here; what is written here is cut out of every record"


def find_literal_keys(source: WorkflowSource) -> list[Fault]:
    """A warning for each text that looks like a key, in the order of the file; never with the key itself.

    One in a prompt file is told without a place, because the place is in another file.
    """
    text = SourceText(source.text)
    found = []
    for name, offset in find_shapes(source.text):
        place = text.place(offset)
        found.append(Fault(f"this looks like {name}", place.line, place.column, _FIX))
    for prompt, content in source.prompts.items():
        lines = SourceText(content)
        for name, offset in find_shapes(content):
            place = lines.place(offset)
            message = f"the prompt {prompt} holds what looks like {name}, at {place.line}:{place.column}"
            found.append(Fault(message, fix=_FIX))
    return found


def redact_source(source: WorkflowSource, redactor: Redactor) -> WorkflowSource:
    """*source* as it may be kept: without what *redactor* knows and what looks like a key.

    The text stays the same workflow with the same places. Where cutting would change more than the key,
    as in ``token: [redacted]``, which is a list in YAML, the value is quoted; where even that does not help,
    the whole workflow is written out anew as JSON, which is YAML too.
    """
    prompts = {name: redactor.redact_text(text, shapes=True) for name, text in source.prompts.items()}
    return source.model_copy(update={"text": _redact_yaml(source.text, redactor), "prompts": prompts})


def _redact_yaml(text: str, redactor: Redactor) -> str:
    if redactor.redact_text(text, shapes=True) == text:
        return text
    wanted = redactor.redact_json(read_again(text).value, shapes=True)
    for attempt in _attempts(text, redactor):
        if read_again(attempt).value == wanted:
            return attempt
    return json.dumps(wanted, indent=2, ensure_ascii=False)


def _attempts(text: str, redactor: Redactor) -> Iterator[str]:
    cut = redactor.redact_text(text, shapes=True)
    yield cut
    yield cut.replace(": [redacted]", ': "[redacted]"').replace("- [redacted]", '- "[redacted]"')
