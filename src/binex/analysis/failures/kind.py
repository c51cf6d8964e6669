"""The kinds of failures, and what is to be done about each."""

import re
from enum import StrEnum
from typing import Final

from binex.models.task import ErrorInfo, ErrorKind


class FailureKind(StrEnum):
    """What sort of failure it was, for somebody who wants it to go away."""

    DEADLINE = "deadline"
    """It took longer than its deadline."""
    RATE_LIMIT = "rate_limit"
    """The other side asked for fewer requests."""
    AUTHENTICATION = "authentication"
    """The other side did not accept the key, or there was none."""
    UNREACHABLE = "unreachable"
    """There was no connection, or it broke, or the other side failed."""
    REFUSED = "refused"
    """The other side understood the request and will not do it."""
    BAD_REPLY = "bad_reply"
    """What came back was no valid reply."""
    SCHEMA = "schema"
    """The answer does not fit `output_schema`."""
    OUTPUT = "output"
    """The answer could not be kept: no JSON, too large, or not what the node declares."""
    CODE = "code"
    """The user's code raised."""
    PROCESS = "process"
    """The agent's process died."""
    AGENT = "agent"
    """The agent said that it failed."""
    BUDGET = "budget"
    """The budget does not allow the call."""
    HUMAN = "human"
    """Nobody answered in time."""
    INPUT = "input"
    """The task could not be put together: a reference, a condition, a list to fan out over."""
    ITEMS = "items"
    """Items of a foreach failed, and with them the node."""
    STORE = "store"
    """What was recorded could not be read or written."""
    OFFLINE = "offline"
    """Only what is known was to count, and this is not."""
    TAPE = "tape"
    """Only the tape may answer, and it has nothing that fits."""
    CANCELLED = "cancelled"
    """It was stopped from outside."""


_OF_REQUESTS: Final = frozenset(
    (
        *("HTTPError", "HTTPStatusError", "WriteTimeout", "PoolTimeout", "ReadError", "WriteError"),  # httpx, urllib3
        *("RemoteProtocolError", "ChunkedEncodingError", "ProtocolError"),
        *("ClientResponseError", "ClientOSError", "ServerTimeoutError"),  # aiohttp
        *("RateLimitError", "AuthenticationError", "PermissionDeniedError", "BadRequestError", "NotFoundError"),
        *("UnprocessableEntityError", "InternalServerError", "APIStatusError"),
    )
)
"""What HTTP libraries and the clients of model providers raise when a request has failed; others use such names too,
so that only the tape can tell."""
_UNREACHED: Final = frozenset(
    (
        *("ConnectError", "ConnectTimeout", "ReadTimeout", "MaxRetryError", "NewConnectionError"),
        *("ClientConnectorError", "ServerDisconnectedError", "APIConnectionError", "APITimeoutError"),
        *("ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "ConnectionAbortedError"),
        *("URLError", "RemoteDisconnected", "gaierror"),  # Python's own, which are on no tape
    )
)
"""What says itself that there was no connection, or that it broke."""
_STATUS_SAID: Final = re.compile(r"HTTP Error ([45]\d\d)\b")
"""How the HTTPError of urllib.request begins."""
_STORE_ERRORS: Final = frozenset({"StoreError", "StoreDamagedError", "StoreVersionError", "LostLeaseError"})
_BY_ERROR_KIND: Final = {
    ErrorKind.BAD_INPUT: FailureKind.INPUT,
    ErrorKind.BAD_OUTPUT: FailureKind.OUTPUT,
}
"""Where the two are not called the same."""
ADVICE: Final = {
    FailureKind.DEADLINE: "give it a larger deadline_ms, or less to do",
    FailureKind.RATE_LIMIT: "ask less at a time (max_parallel), or be more patient (retry_policy)",
    FailureKind.AUTHENTICATION: "set the key that the other side accepts; 'binex agents FILE' shows which is used",
    FailureKind.UNREACHABLE: "see whether the other side is up; retry_policy bridges short outages",
    FailureKind.REFUSED: "read what the other side said: the same request will be refused again",
    FailureKind.BAD_REPLY: "look at the reply word for word; retry_policy helps where it is an exception",
    FailureKind.SCHEMA: "change the prompt or the agent, or loosen output_schema",
    FailureKind.OUTPUT: "return JSON, with exactly the outputs that the node declares",
    FailureKind.CODE: "correct the code, then go on from there",
    FailureKind.PROCESS: "see what ended the process: memory, a crash of a library, an exit",
    FailureKind.AGENT: "do what the agent asks for",
    FailureKind.BUDGET: "give it a larger budget, or a cheaper model",
    FailureKind.HUMAN: "answer in time, allow more of it (deadline_ms), or give a default",
    FailureKind.INPUT: "correct the reference, the condition or the list in the workflow",
    FailureKind.ITEMS: "see why its items failed; on_item_failure: continue goes on without them",
    FailureKind.STORE: "make room, or repair the store: binex doctor",
    FailureKind.OFFLINE: "run it without --offline, or with what was known at that time",
    FailureKind.TAPE: "execute the node again instead: binex replay RUN --from NODE",
    FailureKind.CANCELLED: "go on where it stopped: binex resume RUN",
}
"""A way out for each kind, in one line."""


def kind_of(error: ErrorInfo) -> FailureKind:
    """The kind by the error alone, without a look at what was exchanged."""
    if error.type in _STORE_ERRORS:
        return FailureKind.STORE
    if error.type == "ReplayError":
        return FailureKind.TAPE
    if error.kind is ErrorKind.CODE and error.type in _UNREACHED:
        return FailureKind.UNREACHABLE
    return _BY_ERROR_KIND.get(error.kind) or FailureKind(error.kind.value)


def is_of_a_request(error: ErrorInfo) -> bool:
    """Whether code raised it, it seems, since a request over HTTP has failed."""
    return error.kind is ErrorKind.CODE and error.type in _OF_REQUESTS | _UNREACHED


def status_said(error: ErrorInfo) -> int | None:
    """The HTTP status that an error of Python's own library names, whose requests are on no tape."""
    said = _STATUS_SAID.match(error.message) if error.type == "HTTPError" else None
    return None if said is None else int(said[1])


def kind_of_status(status: int | None) -> FailureKind:
    """The kind of a request over HTTP that failed with *status*; None where there was no answer."""
    match status:
        case 401 | 403 | 407:
            return FailureKind.AUTHENTICATION
        case 429:
            return FailureKind.RATE_LIMIT
        case None | 408:
            return FailureKind.UNREACHABLE
        case _:
            return FailureKind.UNREACHABLE if status >= 500 else FailureKind.REFUSED
