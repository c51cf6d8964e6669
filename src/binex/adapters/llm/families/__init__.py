"""Protocols, each behind the library that speaks it. Only imported when a model is asked for the first time."""
