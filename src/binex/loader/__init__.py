"""YAML in, a checked workflow out; every complaint has a place and a way out."""

from binex.loader.agents import node_uses
from binex.loader.literal_keys import find_literal_keys, literal_secrets, redact_source
from binex.loader.loader import Bound, bind_source, bind_workflow, load_source, load_workflow, parse_workflow
from binex.loader.places import locate_faults
from binex.loader.schema import workflow_schema
from binex.loader.settings import load_settings
from binex.loader.variables import (
    missing_environment,
    parse_assignments,
    read_variables,
    resolve_environment,
    resolve_variables,
    variable_faults,
)

__all__ = [
    "Bound",
    "bind_source",
    "bind_workflow",
    "find_literal_keys",
    "literal_secrets",
    "load_settings",
    "load_source",
    "load_workflow",
    "locate_faults",
    "missing_environment",
    "node_uses",
    "parse_assignments",
    "parse_workflow",
    "read_variables",
    "redact_source",
    "resolve_environment",
    "resolve_variables",
    "variable_faults",
    "workflow_schema",
]
