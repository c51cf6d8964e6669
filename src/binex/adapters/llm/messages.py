"""What a model is told at the beginning: always the same for the same task."""

from pydantic import JsonValue

from binex.adapters.llm.port import Message
from binex.errors import AgentError
from binex.models.json_value import encode_json
from binex.models.task import TaskNode


def opening_messages(task: TaskNode) -> list[Message]:
    """The conversation as it begins.

    That is the task's own ``messages``, word for word; or the system prompt followed by one message with all
    inputs in the order written, each as its name, a colon, and its value on the next line, with a blank line
    between two. Text stands there as it is, any other value as compact JSON. A system prompt without any input
    is what the user says, since a model answers to nothing else.

    Raises:
        AgentError: there is nothing to say.
    """
    if task.messages is not None:
        said = [
            Message.model_validate(message | {"content": _sendable(message["content"])}) for message in task.messages
        ]
    else:
        said = []
        if task.system_prompt:
            said.append(Message(role="system" if task.inputs else "user", content=_sendable(task.system_prompt)))
        if task.inputs:
            said.append(Message(role="user", content=_sendable(_labelled(task))))
    if not said:
        raise AgentError("there is nothing to ask the model", fix="give the node 'inputs'", is_retryable=False)
    return said


def with_instruction(messages: list[Message], instruction: str) -> list[Message]:
    """The same conversation with *instruction* at the end of its system message, which is added where there is none."""
    for index, message in enumerate(messages):
        if message.role == "system":
            extended = message.model_copy(update={"content": f"{message.content}\n\n{instruction}"})
            return [*messages[:index], extended, *messages[index + 1 :]]
    return [Message(role="system", content=instruction), *messages]


def _labelled(task: TaskNode) -> str:
    return "\n\n".join(
        f"{name}:\n{value if isinstance(value, str) else encode_json(value).decode()}"
        for name, value in task.inputs.items()
    )


def _sendable(text: JsonValue) -> str:
    """Text that can be written in UTF-8: half a character becomes a question mark."""
    return str(text).encode("utf-8", "replace").decode()
