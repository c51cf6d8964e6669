"""What a task's model was told first, word for word."""

from pydantic import JsonValue

from binex.analysis.calls import call_detail
from binex.analysis.tasks.model_rounds import rounds_of
from binex.models.call import CallKind
from binex.models.task import ExecutionRecord
from binex.stores.run_store import RunStore


async def first_messages(store: RunStore, record: ExecutionRecord) -> JsonValue:
    """The messages of the first question to a model in the last attempt of a task; None where it asked none.

    What was taken over is looked up where it was made.
    """
    run_id, path = record.executed_as
    calls = [call for call in await store.list_calls(run_id, path) if call.kind is CallKind.MODEL]
    if not calls:
        return None
    first = min(calls, key=lambda call: (-call.attempt, call.number))
    rounds = rounds_of([await call_detail(store, first)])
    if not rounds or not rounds[0].messages:
        return None
    return [{"role": said.role, "content": said.content} for said in rounds[0].messages]
