"""What a fault is at each port: the answer that a tape gives instead of the recorded one."""

import json
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from binex.errors import AgentError, BadReplyError, RemoteError
from binex.models.call import CallKind
from binex.models.failure import MEDIA_TYPE, decode_failure, encode_failure
from binex.tape.faults import FaultKind
from binex.tape.recorder import Recorded

_SAID: Final = "this fault was asked for"
_PAGE: Final = "<html><body>Bad gateway</body></html>"
_LINES: Final = "application/x-ndjson"
_JSON: Final = "application/json"
_RETRY_AFTER_MS: Final = 100
_NOTHING: Final = Recorded(b"")


def answer_with(
    fault: FaultKind, kind: CallKind, target: str, recorded: Recorded | None, *, has_schema: bool
) -> Recorded:
    """What a call of *target* is answered; *recorded* is what it would be answered without the fault."""
    known = recorded or _NOTHING
    match kind:
        case CallKind.HTTP:
            return _over_http(fault, known)
        case CallKind.MODEL:
            return _by_model(fault, _model_host(target, known), known, has_schema=has_schema)
        case CallKind.A2A:
            return _by_agent(fault, urlsplit(target).hostname or target, known)
        case _:
            return _failed(_tool_error(fault, target), media_type=MEDIA_TYPE)


def _by_model(fault: FaultKind, host: str, recorded: Recorded, *, has_schema: bool) -> Recorded:
    match fault:
        case FaultKind.RATE_LIMIT:
            fix = "lower concurrency, or look at the quota of the account"
            return _failed(_limited(f"rate limited by {host}: {_SAID}", host, fix=fix))
        case FaultKind.TIMEOUT:
            message = f"the connection to {host} broke before an answer came: ReadTimeout: {_SAID}"
            return _failed(RemoteError(message, host=host))
        case FaultKind.HALF_STREAM:
            said = _first_half(recorded)
            message = f"bad reply from {host}: it ended after {len(said):,} bytes without being complete"
            return _failed(_bad(message, host), said)
        case FaultKind.MALFORMED if has_schema:
            return _replied({"type": "text", "text": _PAGE}, {"type": "finished", "reason": "stop"})
        case FaultKind.MALFORMED:
            return _failed(_bad(f"bad reply from {host}: no JSON: {_PAGE}", host))
        case FaultKind.REFUSAL:
            return _replied({"type": "text", "text": _SAID}, {"type": "finished", "reason": "refusal"})


def _by_agent(fault: FaultKind, host: str, recorded: Recorded) -> Recorded:
    match fault:
        case FaultKind.RATE_LIMIT:
            return _failed(_limited(f"{host} answered 429 Too Many Requests: {_SAID}", host))
        case FaultKind.TIMEOUT:
            return _failed(RemoteError(f"no answer from {host}: silent for too long (ReadTimeout)", host=host))
        case FaultKind.HALF_STREAM:
            message = f"the connection to {host} broke: peer closed connection: {_SAID}"
            return _failed(RemoteError(message, host=host), _first_half(recorded))
        case FaultKind.MALFORMED:
            message = f"not a valid A2A reply from {host} ({_SAID})"
            fix = "is it an A2A agent that answers at this address?"
            return _failed(BadReplyError(message, fix=fix, host=host, body=_PAGE))
        case FaultKind.REFUSAL:
            message = f"the agent at {host} rejected the task: {_SAID}"
            return _failed(RemoteError(message, host=host, is_retryable=False))


def _over_http(fault: FaultKind, recorded: Recorded) -> Recorded:
    match fault:
        case FaultKind.RATE_LIMIT:
            return _refused(429, ("retry-after", "0"))
        case FaultKind.TIMEOUT:
            return Recorded(b"", is_complete=False, error=f"ReadTimeout: {_SAID}")
        case FaultKind.HALF_STREAM:
            half = recorded.chunks[: len(recorded.chunks) // 2]
            size = sum(chunk.size for chunk in half) if half else len(recorded.body) // 2
            return replace(
                recorded,
                body=recorded.body[:size],
                status=recorded.status or 200,
                chunks=half,
                is_complete=False,
                error=f"RemoteProtocolError: peer closed connection after {size:,} bytes: {_SAID}",
            )
        case FaultKind.MALFORMED:
            types = [(name, value) for name, value in recorded.headers if name.lower() == "content-type"]
            return Recorded(_PAGE.encode(), status=200, headers=types or [("content-type", _JSON)])
        case FaultKind.REFUSAL:
            return _refused(403)


def _tool_error(fault: FaultKind, target: str) -> AgentError:
    match fault:
        case FaultKind.RATE_LIMIT:
            return _limited(f"{target} answered 429: {_SAID}", target)
        case FaultKind.TIMEOUT:
            return RemoteError(f"no answer from {target}: {_SAID}", host=target)
        case FaultKind.HALF_STREAM | FaultKind.MALFORMED:
            return BadReplyError(f"bad reply from {target}: {_SAID}", host=target)
        case FaultKind.REFUSAL:
            return RemoteError(f"{target} refused: {_SAID}", host=target, status=403)


def _limited(message: str, host: str, *, fix: str | None = None) -> RemoteError:
    return RemoteError(message, fix=fix, host=host, status=429, retry_after_ms=_RETRY_AFTER_MS)


def _bad(message: str, host: str) -> BadReplyError:
    """What is no reply although it came with success; another one may be."""
    return BadReplyError(message, host=host, status=200, is_retryable=True)


def _failed(error: AgentError, said: bytes = b"", *, media_type: str = _LINES) -> Recorded:
    """A call that ends with *error* after *said*."""
    status = error.status if isinstance(error, RemoteError) else None
    text = f"{type(error).__name__}: {error.message}"
    return Recorded(said + encode_failure(error), media_type, status=status, is_complete=False, error=text)


def _replied(*events: dict[str, str]) -> Recorded:
    """A model's reply."""
    return Recorded(b"\n".join(json.dumps(event).encode() for event in events), _LINES)


def _refused(status: int, *headers: tuple[str, str]) -> Recorded:
    body = json.dumps({"error": {"message": _SAID, "code": status}}).encode()
    return Recorded(body, _JSON, status=status, headers=[("content-type", _JSON), *headers])


def _first_half(recorded: Recorded) -> bytes:
    """The first half of the events, and never the last."""
    events = [line for line in recorded.body.splitlines(keepends=True) if decode_failure(line) is None]
    return b"".join(events[: len(events) // 2])


def _model_host(target: str, recorded: Recorded) -> str:
    """Who answers for a model: as on the tape, or the provider."""
    return dict(recorded.headers).get("host") or target.partition("/")[0]
