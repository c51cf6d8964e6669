"""What a function takes, whether read from its source or asked of the function itself."""

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from binex.errors import AgentError, FieldFault, suggest

_WHOLE_TASK = ("task", "artifacts")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a function; `*args` is never given anything."""

    names: tuple[str, ...]
    """Those that can be filled by name, in their order."""
    required: frozenset[str]
    """Those without a default."""
    positional: tuple[str, ...] = ()
    """Those that Python only takes by position; they come first in ``names``."""
    takes_rest: bool = False
    """Whether there is a `**kwargs`."""

    @classmethod
    def of(cls, function: Callable[..., object]) -> "Parameters | None":
        """The parameters of *function*; None where it does not tell, as some compiled ones do not."""
        try:
            signature = inspect.signature(function)
        except (ValueError, TypeError):
            return None
        kinds = inspect.Parameter
        named = [p for p in signature.parameters.values() if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
        return cls(
            names=tuple(p.name for p in named),
            required=frozenset(p.name for p in named if p.default is kinds.empty),
            positional=tuple(p.name for p in named if p.kind is kinds.POSITIONAL_ONLY),
            takes_rest=any(p.kind is kinds.VAR_KEYWORD for p in signature.parameters.values()),
        )

    @classmethod
    def in_source(cls, arguments: ast.arguments) -> "Parameters":
        """The parameters of a function that has not been imported."""
        by_position = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        without_default = len(by_position) - len(arguments.defaults)
        by_keyword = [
            a.arg for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
        ]
        return cls(
            names=(*by_position, *(a.arg for a in arguments.kwonlyargs)),
            required=frozenset((*by_position[:without_default], *by_keyword)),
            positional=tuple(a.arg for a in arguments.posonlyargs),
            takes_rest=arguments.kwarg is not None,
        )

    @property
    def takes_task(self) -> bool:
        """Whether the function wants the task and its artifacts as they are."""
        return self.names == _WHOLE_TASK and not self.takes_rest

    def faults(self, function: str, inputs: Sequence[str]) -> list[FieldFault]:
        """What does not fit when *function* is given *inputs*; paths are relative to the node."""
        if self.takes_task:
            return []
        by_name = self.names if not self.takes_rest else tuple(n for n in self.names if n not in self.positional)
        faults = [
            FieldFault(("inputs", name), f"{function}() takes no '{name}'", suggest(name, self.names, "its arguments"), True)
            for name in inputs
            if name not in self.names and not self.takes_rest
        ]
        del by_name
        given = ", ".join(inputs) or "nothing"
        faults += [
            FieldFault(("inputs",), f"{function}() needs '{name}', which is not among the inputs: {given}", f"add '{name}' to the inputs")
            for name in self.names
            if name in self.required and name not in inputs
        ]
        return faults

    def bind(self, function: str, inputs: Mapping[str, JsonValue]) -> tuple[list[JsonValue], dict[str, JsonValue]]:
        """How to call *function* with *inputs*: by position and by name. What it does not take is left out.

        Raises:
            AgentError: a required one is missing.
        """
        missing = [name for name in self.names if name in self.required and name not in inputs]
        if missing:
            raise AgentError(
                f"{function}() needs '{missing[0]}', which is not among the inputs: {', '.join(inputs) or 'nothing'}",
                fix=f"add '{missing[0]}' to the inputs",
                is_retryable=False,
            )
        by_position: list[JsonValue] = []
        for name in self.positional:
            if name not in inputs:
                break  # nothing that comes after it can be given without it
            by_position.append(inputs[name])
        by_name = {
            name: value
            for name, value in inputs.items()
            if name not in self.positional and (self.takes_rest or name in self.names)
        }
        return by_position, by_name
