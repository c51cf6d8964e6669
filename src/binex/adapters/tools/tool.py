"""A tool as a toolbox holds it."""

from typing import Protocol

from pydantic import JsonValue

from binex.adapters.tools.taped import Answered


class Tool(Protocol):
    """One thing that a model may ask for."""

    @property
    def uri(self) -> str: ...

    @property
    def origin(self) -> str:
        """Where it is from: its module or its server. Tells tools apart that are called alike."""
        ...

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def schema(self) -> dict[str, JsonValue]:
        """The JSON Schema of its arguments."""
        ...

    async def use(self, arguments: str) -> Answered:
        """Do it, with *arguments* as the model wrote them; what fails in it is an answer too.

        Raises:
            AgentError: nothing can be answered, because nobody is there.
        """
        ...

    def tell(self, value: JsonValue) -> str:
        """What a model is told of an answer."""
        ...
