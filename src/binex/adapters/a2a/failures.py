"""What goes wrong on the way to an agent, as errors that name the host, the status, what was said and a way out.

Imports the HTTP and A2A libraries, and is imported at the first connection only.
"""

import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx
from a2a.client.errors import A2AClientError
from a2a.utils.errors import A2AError, InternalError, InvalidAgentResponseError
from google.protobuf.json_format import Error as ProtobufError  # type: ignore[import-untyped]

from binex.adapters.a2a.reading import bad_reply
from binex.adapters.retry_after import read_retry_after
from binex.errors import AgentError, AuthenticationError, RemoteError

_UNREADABLE: Final = (ProtobufError, ValueError, LookupError, TypeError, AttributeError)
"""What the library raises where a reply has another shape than it expects."""
_BODY: Final = 2_000


@contextmanager
def speaking_to(host: str) -> Iterator[None]:
    """Turn every error of the libraries in the block into one of ours."""
    try:
        yield
    except AgentError:
        raise
    except (A2AError, httpx.HTTPError, httpx.InvalidURL, *_UNREADABLE) as error:
        raise _translated(error, host) from error


def refusal_of(response: httpx.Response) -> RemoteError:
    """What an HTTP status other than success means."""
    host, status, body = response.url.host, response.status_code, _body_of(response)
    said = _said_in(body)
    answered = f"{host} answered {status} {response.reason_phrase}".rstrip() + (f": {said}" if said else "")
    if 300 <= status < 400:
        return RemoteError(
            f"{answered}; redirects to {response.headers.get('location', 'nowhere'):.200} are not followed",
            fix="write the address to which it redirects into the agent's URI, if you trust it",
            host=host,
            status=status,
            body=body,
            is_retryable=False,
        )
    if status in (401, 403):
        return AuthenticationError(
            answered,
            fix="give the key: config.token: ${secret.NAME}, or config.auth by the scheme's name in the card",
            host=host,
            status=status,
            body=body,
        )
    return RemoteError(answered, host=host, status=status, body=body, retry_after_ms=read_retry_after(response.headers))


def _translated(error: Exception, host: str) -> RemoteError:
    causes = list(_chain(error))
    status = next((cause for cause in causes if isinstance(cause, httpx.HTTPStatusError)), None)
    lost = next((cause for cause in causes if isinstance(cause, httpx.RequestError)), None)
    if isinstance(error, A2AError) and not isinstance(error, A2AClientError):
        refused = refusal_of(status.response) if status is not None else None
        return RemoteError(
            f"{host} refused: {error.message:.2000} ({type(error).__name__.removesuffix('Error')})",
            host=host,
            status=refused.status if refused else None,
            body=refused.body if refused else "",
            is_retryable=isinstance(error, InternalError | InvalidAgentResponseError),
        )
    if status is not None:
        return refusal_of(status.response)
    if lost is not None:
        return _lost(lost, host)
    if isinstance(error, A2AClientError) and error.message.startswith("JSON-RPC Error"):
        return RemoteError(f"{host} refused: {error.message:.2000}", host=host)
    return bad_reply(host, f"{_text_of(error):.400}", body=_unread(causes))


def _lost(error: httpx.RequestError, host: str) -> RemoteError:
    text = _text_of(error)
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return _not_connected(error, host)
    if isinstance(error, httpx.TimeoutException):
        return RemoteError(f"no answer from {host}: silent for too long ({type(error).__name__})", host=host)
    is_cut_off = "disconnected" in text or "closed" in text
    if isinstance(error, httpx.RemoteProtocolError | httpx.DecodingError) and not is_cut_off:
        return bad_reply(host, f"no HTTP: {text:.300}")
    return RemoteError(f"the connection to {host} broke: {text}", host=host)


def _not_connected(error: httpx.ConnectError | httpx.ConnectTimeout, host: str) -> RemoteError:
    causes = list(_chain(error))
    numbers = [cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno]
    fix = "is the agent running, and is its address right?"
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        why = _text_of(error)
        fix = "is its certificate for this host, and from an authority that is known? plain http: config.scheme: http"
    else:
        why = os.strerror(numbers[-1]) if numbers and numbers[-1] > 0 else _text_of(error)
    url = error.request.url
    return RemoteError(f"cannot connect to {url.host}:{url.port or url.scheme}: {why}", fix=fix, host=host)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def _unread(causes: list[BaseException]) -> str:
    return next((cause.doc[:_BODY] for cause in causes if isinstance(cause, json.JSONDecodeError)), "")


def _body_of(response: httpx.Response) -> str:
    try:
        return response.text[:_BODY]
    except httpx.ResponseNotRead:
        return ""


def _said_in(body: str) -> str:
    """The message in an error's body, where it has one in a usual place, and else its beginning."""
    try:
        found = json.loads(body)
    except ValueError:
        found = body
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    text = found if isinstance(found, str) else body
    return " ".join(text.split())[:200]


def _text_of(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
