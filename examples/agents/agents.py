"""Three agents that speak A2A, on three ports of this machine: python agents.py 9101 9102 9103."""

import asyncio
import sys
from collections.abc import Callable

import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes.agent_card_routes import create_agent_card_routes
from a2a.server.routes.jsonrpc_routes import create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    Part,
    Task,
    TaskState,
    TaskStatus,
)
from starlette.applications import Starlette


def shout(text: str) -> str:
    return text.upper()


def reverse(text: str) -> str:
    return text[::-1]


def compare(text: str) -> str:
    first, second = (part.partition("\n")[2] for part in text.split("\n\n")[-2:])
    return f"{first!r} and {second!r} share {len(set(first.lower()) & set(second.lower()))} characters"


class Agent(AgentExecutor):
    """Does one thing to the text that it is given."""

    def __init__(self, work: Callable[[str], str]) -> None:
        self.work = work

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        message = context.message
        assert message is not None
        await event_queue.enqueue_event(
            Task(
                id=context.task_id,
                context_id=context.context_id,
                status=TaskStatus(state=TaskState.TASK_STATE_SUBMITTED),
                history=[message],
            )
        )
        updater = TaskUpdater(event_queue, context.task_id or "", context.context_id or "")
        await updater.start_work()
        text = "\n".join(part.text for part in message.parts if part.text)
        await updater.add_artifact([Part(text=self.work(text))], name="text", last_chunk=True)
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        updater = TaskUpdater(event_queue, context.task_id or "", context.context_id or "")
        await updater.cancel()


def make_app(work: Callable[[str], str], port: int) -> Starlette:
    card = AgentCard(
        name=work.__name__,
        description=f"An agent that can {work.__name__}",
        version="1.0.0",
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        capabilities=AgentCapabilities(streaming=True),
        skills=[AgentSkill(id=work.__name__, name=work.__name__, description=work.__name__, tags=["text"])],
        supported_interfaces=[
            AgentInterface(url=f"http://localhost:{port}/", protocol_binding="JSONRPC", protocol_version="1.0")
        ],
    )
    handler = DefaultRequestHandler(Agent(work), InMemoryTaskStore(), card)
    return Starlette(routes=[*create_agent_card_routes(card), *create_jsonrpc_routes(handler, "/")])


async def serve(ports: list[int]) -> None:
    servers = [
        uvicorn.Server(uvicorn.Config(make_app(work, port), host="127.0.0.1", port=port, log_level="warning"))
        for work, port in zip((shout, reverse, compare), ports, strict=True)
    ]
    await asyncio.gather(*(server.serve() for server in servers))


if __name__ == "__main__":
    asyncio.run(serve([int(port) for port in sys.argv[1:]] or [9101, 9102, 9103]))
