"""What a function takes, whether read from its source or asked of the function itself."""

import ast
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

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

    def faults(self, function: str, inputs: Sequence[str], *, are_implied: bool = False) -> list[FieldFault]:
        """What does not fit when *function* is given *inputs*; paths are relative to the node.

        Of inputs that *are implied* by the node's dependencies it may take fewer.
        """
        if self.takes_task:
            return []
        faults = [
            FieldFault(
                ("inputs", name),
                f"{function}() takes no '{name}'",
                fix=suggest(name, self.names, "arguments"),
                at_key=True,
            )
            for name in inputs
            if name not in self.names and not self.takes_rest and not are_implied
        ]
        faults += [
            FieldFault(("inputs",), _missing(function, name, inputs), fix=f"add '{name}' to the inputs")
            for name in self.names
            if name in self.required and name not in inputs
        ]
        if self.positional:
            faults += [FieldFault(("inputs", name), message) for name, message in self._gaps(function, inputs)]
        return faults

    def bind(self, function: str, inputs: Mapping[str, JsonValue]) -> tuple[list[JsonValue], dict[str, JsonValue]]:
        """How to call *function* with *inputs*: by position and by name. What it does not take is left out.

        Raises:
            AgentError: a required one is missing.
        """
        for name in self.names:
            if name in self.required and name not in inputs:
                fix = f"add '{name}' to the inputs"
                raise AgentError(_missing(function, name, inputs), fix=fix, is_retryable=False)
        for _, message in self._gaps(function, inputs):
            raise AgentError(message, is_retryable=False)
        by_position = [inputs[name] for name in self.positional if name in inputs]
        by_name = {
            name: value
            for name, value in inputs.items()
            if name not in self.positional and (self.takes_rest or name in self.names)
        }
        return by_position, by_name

    def _gaps(self, function: str, inputs: Iterable[str]) -> Iterator[tuple[str, str]]:
        """Those that cannot be given because one that comes before them is not."""
        given = [name in inputs for name in self.positional]
        for before, after in pairwise(range(len(given))):
            if given[after] and not given[before]:
                left, right = self.positional[before], self.positional[after]
                yield right, f"{function}() takes '{right}' by position, after '{left}', which is not among the inputs"


def _missing(function: str, name: str, inputs: Iterable[str]) -> str:
    return f"{function}() needs '{name}', which is not among the inputs: {', '.join(inputs) or 'there are none'}"
