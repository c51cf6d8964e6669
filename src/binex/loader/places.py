"""Where in a workflow's text the faults are that only turn up after it was loaded."""

from collections.abc import Sequence

from binex.errors import FieldFault, WorkflowError
from binex.loader.report import locate, workflow_error
from binex.loader.yaml_source import YamlDocument, YamlLimits, read_yaml
from binex.models.workflow_source import WorkflowSource


def locate_faults(source: WorkflowSource, faults: Sequence[FieldFault]) -> WorkflowError:
    """The error for *faults* by field: the text is read once more, for the sake of the places."""
    document = read_again(source.text)
    return workflow_error(source.file, [locate(fault, document) for fault in faults])


def read_again(text: str) -> YamlDocument:
    """The document of a workflow that was accepted when it was loaded: no limit may keep it from being read now."""
    limits = YamlLimits(bytes=len(text) * 4 + 1, depth=1000, nodes=10_000_000)
    return read_yaml(text.encode("utf-8", "surrogatepass"), limits)
