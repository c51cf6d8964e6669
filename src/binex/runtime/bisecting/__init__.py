"""Finds out which change moves an outcome: by mixtures of two runs, or over the commits of a repository."""
