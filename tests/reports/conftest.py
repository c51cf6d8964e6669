"""Runs whose truth is known, on a store or by the command line, and a browser for their pages."""

from tests.analysis.conftest import Kin, Ledger, kin, ledger
from tests.browser import chromium
from tests.cli.conftest import Shell, shell

__all__ = ["Kin", "Ledger", "Shell", "chromium", "kin", "ledger", "shell"]
