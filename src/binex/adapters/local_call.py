"""Calls a user's function with a task, and makes artifacts of what it returns."""

import importlib
import inspect
from collections.abc import Awaitable, Callable
from types import ModuleType

from binex.adapters.local_failure import place_in
from binex.adapters.local_finding import LocalName, find_module
from binex.adapters.local_folder import open_folder, plain_names
from binex.adapters.local_parameters import Parameters
from binex.adapters.local_source import Sources, no_function
from binex.errors import BadOutputError, FieldFault
from binex.models.task import Artifact, TaskNode


class Handler:
    """A user's function, resolved: all that calling it needs."""

    def __init__(self, name: str, function: Callable[..., object]) -> None:
        self.name = name
        self.parameters = Parameters.of(function)
        self.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - not whether it can be called, but how
        )
        self.function = function
        self._names = frozenset(self.parameters.names) if self.parameters is not None else frozenset()
        self._takes_task = self.parameters is not None and self.parameters.takes_task
        self._is_plain = self.parameters is None or not self.parameters.positional

    def call(self, task: TaskNode, artifacts: list[Artifact]) -> object:
        """What the function returns: a value, or for an async one something to await.

        Raises:
            AgentError: an argument is missing.
        """
        if self._takes_task:
            return self.function(task, artifacts)
        if self.parameters is None or (self._is_plain and task.inputs.keys() == self._names):
            return self.function(**task.inputs)
        by_position, by_name = self.parameters.bind(self.name, task.inputs)
        return self.function(*by_position, **by_name)

    def answer(self, task: TaskNode, artifacts: list[Artifact]) -> list[Artifact] | Awaitable[object]:
        """The artifacts that the function makes; where it turns out to be async after all, what to await."""
        value = self.call(task, artifacts)
        return value if inspect.isawaitable(value) else artifacts_of(task, value)


def artifacts_of(task: TaskNode, value: object) -> list[Artifact]:
    """The outputs of *task* out of what its function returned.

    A dict whose keys are exactly the declared outputs fills them by name; else a single output is the
    value itself.

    Raises:
        BadOutputError: the value is not JSON, or does not fill the outputs.
    """
    if isinstance(value, dict) and value.keys() == set(task.outputs):
        return [Artifact.of(task, output, value[output]) for output in task.outputs]
    if len(task.outputs) == 1:
        return [Artifact.of(task, task.outputs[0], value)]
    declared = ", ".join(task.outputs)
    fix = f"return a dict with exactly these keys: {declared}"
    if not isinstance(value, dict):
        kind = "null" if value is None else f"a value of type {type(value).__name__}"
        raise BadOutputError(f"the function returned {kind}; the node declares {declared}", fix=fix)
    missing = [f"no '{output}'" for output in task.outputs if output not in value]
    surplus = [f"'{key!s:.80}', which is not declared" for key in value if key not in task.outputs]
    raise BadOutputError(f"the function returned a dict with {' and '.join([*missing, *surplus])}", fix=fix)


def load(name: LocalName, folder: str | None, sources: Sources) -> Handler | FieldFault:
    """Import the module of *name* and take the function out of it, or say why that is not possible.

    Executes the user's module; call it where it may block.
    """
    found = find_module(name.module, folder)
    if found is None:
        return sources.no_module(name.module, folder)
    try:
        return _take(name, _import(name.module, folder if found.is_in_folder else None))
    except BaseException as error:  # noqa: BLE001 - a module, its __getattr__ and a class may raise anything
        return _import_fault(name, error, folder)


def _import(module: str, folder: str | None) -> ModuleType:
    return importlib.import_module(module) if folder is None else open_folder(folder).import_module(module)


def _take(name: LocalName, module: ModuleType) -> Handler | FieldFault:
    """The function of *name* in its module."""
    try:
        function = getattr(module, name.function)
    except AttributeError:
        return no_function(name, [key for key, value in vars(module).items() if inspect.isroutine(value)])
    if isinstance(function, type) and any("__call__" in vars(kind) for kind in function.__mro__[:-1]):
        function = function()
    if not callable(function):
        what = f"'{name.module}.{name.function}' is a value of type {type(function).__name__}, not a function"
        return FieldFault(("agent",), what)
    return Handler(name.function, function)


def _import_fault(name: LocalName, error: BaseException, folder: str | None) -> FieldFault:
    said = plain_names(str(error)) if not isinstance(error, SyntaxError) else error.msg
    what = f"called sys.exit({said})" if isinstance(error, SystemExit) else f"{type(error).__name__}: {said}"
    fix = None
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = plain_names(error.name).partition(".")[0]
        fix = f"install the package that brings '{top}', or put {top}.py beside the workflow file"
    place = place_in(error, folder)
    return FieldFault(("agent",), f"'{name.module}' cannot be imported: {what}{place}", fix=fix)
