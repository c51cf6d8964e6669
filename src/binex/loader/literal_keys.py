"""Keys that somebody wrote into a workflow instead of naming them with ``${secret.*}``."""

import json
from collections.abc import Iterator

from binex.errors import Fault
from binex.loader.places import read_again
from binex.loader.yaml_source import YamlDocument
from binex.loader.yaml_text import SourceText
from binex.models.workflow_source import WorkflowSource
from binex.tape.redaction import Redactor, find_shapes
from binex.tape.secret_forms import SHORTEST
from binex.tape.secret_names import is_secret_name

Path = tuple[str | int, ...]

_FIX = "put it into the environment and write ${secret.NAME} here; what is written here is cut out of every record"


def find_literal_keys(source: WorkflowSource) -> list[Fault]:
    """A warning for each text that looks like a key, in the order of the file; never with the key itself.

    So does a text in the settings of an agent or a server whose name says that it is secret, as ``api_key``. One in
    a prompt file is told without a place, because the place is in another file.
    """
    text = SourceText(source.text)
    found = []
    for name, offset in find_shapes(source.text):
        place = text.place(offset)
        found.append(Fault(f"this looks like {name}", place.line, place.column, _FIX))
    document = read_again(source.text)
    told = {fault.line for fault in found}
    for path, _ in _named_secrets(document):
        place = document.place_of(path)
        if place.line not in told:
            found.append(Fault(f"this is a secret, as '{path[-1]}' says", place.line, place.column, _FIX))
    found.sort(key=lambda fault: (fault.line or 0, fault.column or 0))
    for prompt, content in source.prompts.items():
        lines = SourceText(content)
        for name, offset in find_shapes(content):
            place = lines.place(offset)
            message = f"the prompt {prompt} holds what looks like {name}, at {place.line}:{place.column}"
            found.append(Fault(message, fix=_FIX))
    return found


def literal_secrets(source: WorkflowSource) -> list[str]:
    """The values that the workflow itself calls secret; those that only look like keys need not be known."""
    found = [value for _, value in _named_secrets(read_again(source.text))]
    for change in source.changes:
        if change.path[:1] == ("config",):
            found += [value for _, value in _secrets_in(change.value, ("nodes", change.node, *change.path))]
    return found


def _named_secrets(document: YamlDocument) -> Iterator[tuple[Path, str]]:
    """Texts whose name says that they are secret, in what agents and servers are given to be reached with."""
    root = document.value if isinstance(document.value, dict) else {}
    for group, fields in (("nodes", ("config",)), ("mcp_servers", ("env", "headers"))):
        members = root.get(group)
        for name, member in members.items() if isinstance(members, dict) else ():
            for field in fields:
                if isinstance(member, dict) and field in member:
                    yield from _secrets_in(member[field], (group, name, field))


def _secrets_in(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets_in(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secrets_in(item, (*path, index))
    elif isinstance(value, str) and len(value) >= SHORTEST and "${" not in value and is_secret_name(str(path[-1])):
        yield path, value


def redact_source(source: WorkflowSource, redactor: Redactor) -> WorkflowSource:
    """*source* as it may be kept: without what *redactor* knows and what looks like a key.

    The text stays the same workflow with the same places. Where cutting would change more than the key,
    as in ``token: [redacted]``, which is a list in YAML, the value is quoted; where even that does not help,
    the whole workflow is written out anew as JSON, which is YAML too.
    """
    prompts = {name: redactor.redact_text(text, shapes=True) for name, text in source.prompts.items()}
    cut = [redactor.redact_json(change.value, shapes=True) for change in source.changes]
    changes = tuple(
        change.model_copy(update={"value": value}) for change, value in zip(source.changes, cut, strict=True)
    )
    text = _redact_yaml(source.text, redactor)
    return source.model_copy(update={"text": text, "prompts": prompts, "changes": changes})


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
