"""A connection to one agent, through the official library: messages out, events in, as plain JSON.

Imports the A2A library, and is imported at the first connection only.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httpx
from a2a.client import Client, ClientConfig, ClientFactory
from a2a.client.card_resolver import parse_agent_card
from a2a.types.a2a_pb2 import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    SendMessageRequest,
    StreamResponse,
    Task,
)
from a2a.utils.errors import TaskNotFoundError
from google.protobuf.json_format import Error as ProtobufError  # type: ignore[import-untyped]
from google.protobuf.json_format import MessageToDict, ParseDict

from binex.adapters.a2a.address import AddressRule, AgentAddress, is_same_host
from binex.adapters.a2a.card import Cards, Interface, choose
from binex.adapters.a2a.credentials import Credentials
from binex.adapters.a2a.failures import speaking_to
from binex.adapters.a2a.message import Json
from binex.adapters.a2a.settings import Settings
from binex.adapters.a2a.wire import BLOCKING_SILENCE_S, SILENCE_S, open_client
from binex.errors import AgentError, RemoteError, suggest


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """An agent that can be spoken to."""

    name: str
    host: str
    card: Json
    """Its card, in the form of protocol 1.0."""
    interface: Interface
    _client: Client
    _is_blocking: bool

    async def send(self, message: Json) -> AsyncGenerator[Json, None]:
        """Send *message*; events as they come in, as a stream or all in one.

        Raises:
            RemoteError: it could not be sent, or the answer is no valid one.
            AgentError: the protocol has no form for it.
        """
        request = _request(message)
        request.configuration.return_immediately = not self._is_blocking
        request.configuration.history_length = 0
        with speaking_to(self.host):
            stream = cast(AsyncGenerator[StreamResponse, None], self._client.send_message(request))
            async with aclosing(stream):
                async for event in stream:
                    yield MessageToDict(event)

    async def find(self, task_id: str) -> Json | None:
        """Where a task stands, as an event; None where the agent does not know it.

        Raises:
            RemoteError: the agent could not be asked, or its answer is no valid one.
        """
        try:
            with speaking_to(self.host):
                try:
                    task: Task = await self._client.get_task(GetTaskRequest(id=task_id, history_length=0))
                except TaskNotFoundError:
                    return None
                return cast(Json, MessageToDict(StreamResponse(task=task)))
        except RemoteError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    async def cancel(self, task_id: str) -> None:
        """Ask the agent to stop a task.

        Raises:
            RemoteError: it could not be asked, or will not.
        """
        with speaking_to(self.host):
            await self._client.cancel_task(CancelTaskRequest(id=task_id))


@asynccontextmanager
async def connect(
    address: AgentAddress,
    settings: Settings,
    cards: Cards,
    *,
    most_bytes: int,
    hide: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[RemoteAgent]:
    """The agent at *address*, as its card describes it. Its credentials are told to *hide* before they are used.

    Raises:
        RemoteError: it cannot be reached, has no usable card, or must not be spoken to.
    """
    rule = AddressRule.of(address, settings.allow_hosts, is_private_allowed=settings.allow_private)
    silence_s = BLOCKING_SILENCE_S if settings.blocking else SILENCE_S
    async with open_client(rule, most_bytes=most_bytes, silence_s=silence_s) as client:
        card = await fetch_card(client, address, settings, cards)
        plain = cast(Json, MessageToDict(card))
        _check_skill(plain, settings.skill, address.host)
        interface = choose(plain, address, settings.allow_hosts)
        credentials = _credentials(plain, settings, address, interface)
        for secret in credentials.secrets:
            hide(secret)
        client.headers.update({**settings.headers, **credentials.headers})
        client.params = client.params.merge(dict(credentials.params))
        client.cookies.update(dict(credentials.cookies))
        yield RemoteAgent(
            card.name or address.host,
            address.host,
            plain,
            interface,
            _client_for(card, interface, settings, client),
            settings.blocking,
        )


async def fetch_card(client: httpx.AsyncClient, address: AgentAddress, settings: Settings, cards: Cards) -> AgentCard:
    """The agent's card; its signature is checked where there is a key to check it with.

    Raises:
        RemoteError: there is none, it is no valid one, or it was not signed with the key.
    """
    data = await cards.fetch(client, address, settings.headers)
    with speaking_to(address.host):
        card: AgentCard = parse_agent_card(data)
        if settings.card_key is not None:
            from binex.adapters.a2a.signature import verify

            verify(card, settings.card_key, address.host)
        return card


def _request(message: Json) -> SendMessageRequest:
    try:
        return cast(SendMessageRequest, ParseDict({"message": message}, SendMessageRequest()))
    except (ProtobufError, ValueError) as error:
        raise AgentError(
            f"what the agent is given cannot be sent as A2A: {error}",
            fix="inputs may be nested less than 50 levels deep, and text must be valid Unicode",
            is_retryable=False,
        ) from error


def _credentials(card: Json, settings: Settings, address: AgentAddress, interface: Interface) -> Credentials:
    host = urlsplit(interface.url).hostname or ""
    if is_same_host(host, address.host):
        return Credentials.for_card(card, settings, address.host)
    if settings.has_credentials or settings.headers:
        raise RemoteError(
            f"refused: the agent card of {address.host} points to {host}, which must not see its keys",
            fix=f"if the keys are meant for {host}, name it in the agent's URI: a2a://{host}",
            host=address.host,
            is_retryable=False,
        )
    return Credentials()


def _client_for(card: AgentCard, interface: Interface, settings: Settings, client: httpx.AsyncClient) -> Client:
    """The library's client for just this interface."""
    only = AgentCard()
    only.CopyFrom(card)
    chosen = card.supported_interfaces[interface.index]
    del only.supported_interfaces[:]
    only.supported_interfaces.add().CopyFrom(chosen)
    only.supported_interfaces[0].protocol_binding = interface.binding
    config = ClientConfig(
        streaming=settings.streaming and not settings.blocking,
        httpx_client=client,
        supported_protocol_bindings=[interface.binding],
    )
    return ClientFactory(config).create(only)


def _check_skill(card: Json, skill: str | None, host: str) -> None:
    listed = card.get("skills", [])
    known = [str(one.get("id")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if skill is not None and skill not in known:
        raise AgentError(
            f"the agent at {host} has no skill '{skill:.80}'",
            fix=suggest(skill, known, "skills"),
            is_retryable=False,
        )
