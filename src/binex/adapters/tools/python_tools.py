"""``python://module.function``: the user's functions as tools."""

import inspect
import os
from asyncio import CancelledError
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from binex.adapters.local_call import load
from binex.adapters.local_failure import contained
from binex.adapters.local_folder import plain_names
from binex.adapters.local_source import Sources
from binex.adapters.threads import Threads
from binex.adapters.tools.answer import told_error, told_value
from binex.adapters.tools.arguments import BadArgumentsError
from binex.adapters.tools.signature import PythonTool, describe_function, jsonable
from binex.adapters.tools.taped import Answered
from binex.adapters.tools.uris import PythonUri
from binex.errors import AgentError, FieldFault
from binex.models.json_value import encode_json

_THREADS: Final = Threads()
_SOURCES: Final = Sources()


async def load_function(named: PythonUri, folder: str | None) -> "FunctionTool":
    """Import the function that is named, from the workflow's folder or else from the environment.

    Raises:
        AgentError: it is not there, cannot be imported, or cannot be a tool.
    """
    return await _THREADS.run(named.uri, _load, named, folder)


def _load(named: PythonUri, folder: str | None) -> "FunctionTool":
    absolute = None if folder is None else os.path.abspath(folder)  # noqa: PTH100 - links stay as they are
    handler = load(named.name, absolute, _SOURCES)
    if isinstance(handler, FieldFault):
        raise AgentError(f"the tool {named.uri}: {handler.message}", fix=handler.fix, is_retryable=False)
    return FunctionTool(named, describe_function(handler.function, named.uri))


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """A function, which runs on the loop if it is async, and else in a thread."""

    _named: PythonUri
    _tool: PythonTool

    @property
    def uri(self) -> str:
        return self._named.uri

    @property
    def origin(self) -> str:
        return self._named.name.module

    @property
    def name(self) -> str:
        return self._named.name.function

    @property
    def description(self) -> str:
        return self._tool.description

    @property
    def schema(self) -> dict[str, JsonValue]:
        return self._tool.schema

    async def use(self, arguments: str) -> Answered:
        """Call the function; what it raises is told to the model."""
        try:
            by_position, by_name = self._tool.bind(arguments)
            value = jsonable(await self._call(by_position, by_name))
            encode_json(value)
        except BadArgumentsError as error:
            said = f"bad arguments for {self.name}: {error}"
        except (CancelledError, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything, SystemExit too
            said = plain_names(_said(error))
        else:
            return Answered(value)
        return Answered(told_error(said), said)

    def tell(self, value: JsonValue) -> str:
        return told_value(value)

    async def _call(self, by_position: list[object], by_name: dict[str, object]) -> object:
        function = self._tool.function
        if self._tool.is_async:
            value = function(*by_position, **by_name)
        else:
            value = await _THREADS.run(self.uri, lambda: function(*by_position, **by_name))
        return await value if inspect.isawaitable(value) else value


def _said(error: BaseException) -> str:
    raised = contained(error)
    try:
        text = str(raised)
    except Exception:  # noqa: BLE001 - the text is made by the user's code
        text = ""
    kind = type(raised).__name__
    return text if isinstance(raised, AgentError) and text else f"{kind}: {text}" if text else kind
