"""Binex: a debuggable runtime for AI agent workflows."""

__version__ = "0.1.0"
