"""E10 to E14, E16 and B10 in whole runs: remote agents, MCP servers, and a machine without a network.

One run asks all the remote agents that get it wrong, and one that does not. What it connects to is watched.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from binex.models.call import CallKind
from binex.models.task import ErrorKind, TaskStatus
from tests.a2a_server import (
    AgentServer,
    RawServer,
    Request,
    Turn,
    http,
    raw_card,
    rpc_result,
    serving,
    serving_raw,
)
from tests.adapters.tools import odd_server
from tests.faults.ended import Ended, project_of
from tests.faults.harness import Finished, Process, Project, check_sound, environment
from tests.faults.tracing import needs_strace, watching

METADATA: Final = "http://169.254.169.254/latest/meta-data"
"""Where clouds give away the keys of a machine."""


def connected_to(trace: Path) -> set[str]:
    """The network addresses in a trace of ``connect``."""
    return set(re.findall(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', trace.read_text()))


# --- E10 to E12: agents that are dead, slow, wrong, or lead elsewhere ----------------------------------------

Answers = Callable[[RawServer, Request], Iterator[bytes]]


def with_card(answer: Answers, **changes: Any) -> Answers:
    """Show a card, and answer everything else with *answer*."""

    def answer_all(server: RawServer, request: Request) -> Iterator[bytes]:
        if request.method == "GET":
            yield http(raw_card(server, **changes))
        else:
            yield from answer(server, request)

    return answer_all


def fail(server: RawServer, request: Request) -> Iterator[bytes]:
    yield http("out of paper", 500)


def hang(server: RawServer, request: Request) -> Iterator[bytes]:
    while server.is_up:  # type: ignore[attr-defined]
        yield b""
"""
