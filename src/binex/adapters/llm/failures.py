"""What goes wrong between us and a provider, as one of our errors: who, what, and the way out.

What came back over the wire says most of it, so that no library of a provider has to be known here: an exception is
only asked for its name, its status and its text.
"""

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from binex.adapters.llm.providers import Endpoint
from binex.adapters.llm.reply import EncodedError, Reply, TooLongError
from binex.adapters.retry_after import positive, read_retry_after
from binex.errors import AgentError, AuthenticationError, BadReplyError, RemoteError

SHOWN: Final = 200
"""How much of a body is shown in a message."""
_BODY: Final = 2_000
_STATUS_OF_WORD: Final = {
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "resource_exhausted": 429,
    "overloaded_error": 529,
    "overloaded": 529,
    "unavailable": 503,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "internal": 500,
    "timeout_error": 504,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "invalid_request_error": 400,
    "content_filter": 400,
}
"""What providers call a failure that they report within a stream, after its status was 200."""


def failure_of(error: Exception, endpoint: Endpoint, model: str, reply: Reply) -> AgentError:  # noqa: PLR0911 - a case each
    """The error to raise for *error*, which came up while *endpoint* was asked for *model* and answered *reply*."""
    if isinstance(error, AgentError):
        return error
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, TooLongError):
            return bad_reply(endpoint, reply, f"{cause}, and was cut there", is_retryable=False)
        if isinstance(cause, EncodedError):
            return bad_reply(endpoint, reply, str(cause), is_retryable=False)
    if reply.status is None:
        return _unreached(chain, endpoint)
    if reply.status >= 300:
        return _refused(reply.status, _said(reply.text), endpoint, model, reply)
    reported = _reported(chain)
    if reported is not None:
        return _refused(*reported, endpoint, model, reply)
    if _is_broken_connection(chain):
        message = f"the connection to {endpoint.host} broke after {reply.size:,} bytes of the reply: {_words(chain)}"
        return RemoteError(message, host=endpoint.host, status=None, body=reply.text[:_BODY])
    return bad_reply(endpoint, reply, _words(chain))


def bad_reply(endpoint: Endpoint, reply: Reply, what: str, *, is_retryable: bool = True) -> BadReplyError:
    """What came back is no reply: *what* is wrong with it."""
    shown = reply.text[:SHOWN]
    message = f"bad reply from {endpoint.host}: {what}" + (f": {shown}" if shown else "")
    return BadReplyError(
        message,
        fix="look whether config.api_base is the address of the API" if endpoint.is_customised else None,
        host=endpoint.host,
        status=reply.status,
        body=reply.text[:_BODY],
        is_retryable=is_retryable,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, the outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _unreached(chain: list[BaseException], endpoint: Endpoint) -> AgentError:
    """Nobody answered, or nothing was sent at all."""
    host, fix = endpoint.host, "is config.api_base right, and is the server up?"
    words = _words(chain)
    for cause in reversed(chain):
        if isinstance(cause, socket.gaierror):
            return RemoteError(f"there is no host {host}: {cause.strerror or words}", fix=fix, host=host)
        if isinstance(cause, ssl.SSLError):
            fix = "config.api_base must name the host of its certificate; SSL_CERT_FILE names further authorities"
            return RemoteError(f"no secure connection to {host}: {cause.reason or words}", fix=fix, host=host)
        if isinstance(cause, ConnectionRefusedError):
            return RemoteError(f"{host} refused the connection", fix=fix, host=host)
    if any("ConnectTimeout" in type(cause).__name__ for cause in chain):
        return RemoteError(f"{host} did not take the connection within 10 s", fix=fix, host=host)
    if _is_broken_connection(chain):
        return RemoteError(f"the connection to {host} broke before an answer came: {words}", host=host)
    return AgentError(f"the request to {host} could not be made: {words}", is_retryable=False)


def _refused(status: int, said: str, endpoint: Endpoint, model: str, reply: Reply) -> RemoteError:
    """The provider said no, or that it failed."""
    host = endpoint.host
    kind = RemoteError
    fix: str | None = None
    what = f"{host} answered {status}"
    if status in (401, 403):
        kind, what = AuthenticationError, f"{host} did not accept the key ({status})"
        names = " or ".join(endpoint.key_variables) or "the key"
        fix = f"look at {names} and at config.api_key"
    elif status == 429:
        what, fix = f"rate limited by {host}", "lower concurrency, or look at the quota of the account"
    elif status == 404:
        fix = f"is '{model}' a model of {endpoint.provider}, and config.api_base right?"
    elif 300 <= status < 400:
        fix = "redirects are not followed: set config.api_base to where it leads"
        said = said or f"to {reply.headers.get('location', 'nowhere')}"
    elif status in (500, 502, 503, 504, 529):
        what = f"{host} failed ({status})" if status != 529 else f"{host} is overloaded (529)"
    return kind(
        f"{what}: {said}" if said else what,
        fix=fix,
        host=host,
        status=status,
        body=reply.text[:_BODY],
        retry_after_ms=retry_after_ms(reply.headers, reply.text),
    )


def retry_after_ms(headers: Mapping[str, str], body: str = "", *, now: datetime | None = None) -> int | None:
    """How long the other side asks to be left alone, in its headers or in the body."""
    asked = read_retry_after(headers, now=now)
    if asked is None:
        seconds = _google_delay(body)
        asked = None if seconds is None else int(seconds * 1000)
    return asked


def _google_delay(body: str) -> float | None:
    """Google says `retryDelay: 32s` among the details of an error."""
    for detail in _list_in(_decoded(body), "error", "details"):
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return positive(delay[:-1])
    return None


def _said(body: str) -> str:
    """The provider's own words, out of its error."""
    found = _message_in(_decoded(body))
    return (found or body).strip()[:_BODY] if found else body.strip()[:SHOWN]


def _message_in(value: object) -> str:
    """The message in an error, however deep the provider puts it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next(filter(None, map(_message_in, value[:3])), "")
    if isinstance(value, dict):
        for key in ("error", "message", "detail", "msg", "error_description"):
            found = _message_in(value[key]) if value.get(key) else ""
            if found:
                return found
    return ""


def _decoded(body: str) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _list_in(value: object, *path: str) -> list[object]:
    for key in path:
        value = value[0] if isinstance(value, list) and value else value
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, list) else []


def _reported(chain: list[BaseException]) -> tuple[int, str] | None:
    """The status and words of a failure that the provider reported within a stream."""
    for error in chain:
        if not type(error).__module__.startswith(("openai", "anthropic", "google.genai", "ollama")):
            continue
        said = _message_in(getattr(error, "body", None)) or _message_in(getattr(error, "details", None)) or str(error)
        for name in ("status_code", "code"):
            status = getattr(error, name, None)
            if isinstance(status, int) and 400 <= status < 600:
                return status, said
        body = getattr(error, "body", None)
        if isinstance(body, dict):
            inner = body.get("error") if isinstance(body.get("error"), dict) else body
            words = [inner.get("code"), inner.get("type"), inner.get("status")] if isinstance(inner, dict) else []
            numbers = [word for word in words if isinstance(word, int) and 400 <= word < 600]
            known = [_STATUS_OF_WORD.get(word.lower()) for word in words if isinstance(word, str)]
            return next(filter(None, [*numbers, *known]), 500), said
        if type(error).__name__ == "ResponseError":
            return 500, str(getattr(error, "error", "") or said)
    return None


def _is_broken_connection(chain: list[BaseException]) -> bool:
    """Whether the transport failed: an error of the system, or one that both generations of httpx call so."""
    return any(
        isinstance(error, OSError)
        or any(
            base.__name__ == "TransportError" and base.__module__.startswith("httpx") for base in type(error).__mro__
        )
        for error in chain
    )


def _words(chain: list[BaseException]) -> str:
    """What the innermost error says that says anything."""
    for error in reversed(chain):
        text = str(error).strip()
        if text:
            return f"{type(error).__name__}: {text}"[:500]
    return type(chain[0]).__name__
