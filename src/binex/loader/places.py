"""Where in a workflow's text the faults are that only turn up after it was loaded."""

from collections.abc import Sequence

from binex.errors import FieldFault, WorkflowError
from binex.loader.report import locate, workflow_error
from binex.loader.yaml_source import read_yaml
from binex.models.workflow import WorkflowSource


def locate_faults(source: WorkflowSource, faults: Sequence[FieldFault]) -> WorkflowError:
    """The error for *faults* by field: the text is read once more, for the sake of the places."""
    document = read_yaml(source.text.encode("utf-8", "surrogatepass"))
    return workflow_error(source.file, [locate(fault, document) for fault in faults])
