"""What LiteLLM raises, as the reply that is behind it.

Its own exceptions always have a status and a response, made up where there was none. What really came back stands
further inside: the error of the HTTP client, and LiteLLM's internal one with the headers and the body.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from binex.adapters.llm.providers import Endpoint
from binex.adapters.llm.reply import Reply
from binex.errors import AgentError

_TELLING: Final = frozenset({401, 403, 429})
"""Statuses that it would not make up for a failure of another kind, also where it was told of it in another way."""
_PREFIX: Final = re.compile(r"^(litellm\.)?[A-Za-z]+(Error|Exception)(: | - )")


def behind(error: Exception, endpoint: Endpoint, reply: Reply) -> tuple[Endpoint, Reply]:
    """Who answered, and what: *reply* as far as it had come in, where the failure says no more."""
    chain = list(_chain(error))
    for cause in reversed(chain):
        response: Any = getattr(cause, "response", None)
        if _is_of_http(cause) and isinstance(getattr(response, "status_code", None), int):
            return _host_of(response, endpoint), _refusal(
                response.status_code, response.headers, _body(chain, response)
            )
    if any(_is_of_transport(cause) for cause in chain):
        return _host_of(next(filter(None, map(_request_of, chain)), None), endpoint), reply
    for cause in reversed(chain):
        status = getattr(cause, "status_code", None)
        is_inner = type(cause).__module__.startswith("litellm.llms.")
        if isinstance(status, int) and (status in _TELLING or (is_inner and reply.status and 400 <= status < 600)):
            return endpoint, _refusal(status, getattr(cause, "headers", None) or {}, plain_words(cause))
    return endpoint, reply


def refused_setting(error: Exception, provider: str) -> AgentError | None:
    """The error for a setting that LiteLLM will not send to a provider; None where *error* is another."""
    if type(error).__name__ != "UnsupportedParamsError":
        return None
    words = plain_words(error).partition(". To drop")[0]
    return AgentError(
        f"LiteLLM did not ask {provider}: {words}",
        fix="remove the setting, or put what the provider calls it into config.extra_body",
        is_retryable=False,
    )


def plain_words(error: BaseException) -> str:
    """What an exception says, without the names that LiteLLM puts before it."""
    said = getattr(error, "message", "")
    text = (said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said or error)).strip()
    while (cut := _PREFIX.sub("", text, count=1)) != text:
        text = cut
    return text


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _is_of_http(error: BaseException) -> bool:
    """Whether it was raised for a response: by httpx, or by the library of OpenAI; not by LiteLLM in their names."""
    return any(base.__name__ == "HTTPStatusError" for base in type(error).__mro__) or type(error).__module__.startswith(
        "openai"
    )


def _is_of_transport(error: BaseException) -> bool:
    return isinstance(error, OSError) or any(base.__name__ == "TransportError" for base in type(error).__mro__)


def _body(chain: list[BaseException], response: Any) -> str:
    """The text of the response; a streamed one has been read by whoever raised the next error."""
    try:
        return str(response.text)
    except Exception:  # noqa: BLE001 - it was not read, or is closed: each client says so in its own way
        inner = [cause for cause in reversed(chain) if type(cause).__module__.startswith("litellm.llms.")]
        return plain_words(next((cause for cause in inner if not _is_of_http(cause)), chain[0]))


def _refusal(status: int, headers: Mapping[str, str], text: str) -> Reply:
    reply = Reply(status=status, headers={name.lower(): value for name, value in headers.items()})
    reply.take(text.encode("utf-8", "replace"))
    return reply


def _request_of(error: BaseException) -> object:
    """What a client could not send; one that does not know raises."""
    try:
        return getattr(error, "request", None) if _is_of_transport(error) else None
    except RuntimeError:
        return None


def _host_of(sent: object, endpoint: Endpoint) -> Endpoint:
    """The endpoint at the host that was asked, which for some providers only LiteLLM knows."""
    address = str(getattr(sent, "url", ""))
    return replace(endpoint, base_url=address) if urlsplit(address).netloc else endpoint
