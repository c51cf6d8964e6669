"""YAML in, a checked workflow out; every complaint has a place and a way out."""

from binex.loader.loader import load_source, load_workflow, parse_workflow

__all__ = ["load_source", "load_workflow", "parse_workflow"]
