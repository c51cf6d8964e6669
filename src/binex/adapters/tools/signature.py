"""A Python function as a tool: its schema out of the signature, its arguments checked before it is called.

The schema is made with pydantic's own models, out of the annotations. Pydantic AI has the same behind a private
name, but brings its docstring parser and two seconds of imports along.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticSerializationError, to_jsonable_python

from binex.adapters.tools.answer import shorten
from binex.adapters.tools.arguments import BadArgumentsError, read_arguments
from binex.adapters.tools.docstring import read_docstring
from binex.errors import AgentError

LONGEST_DESCRIPTION: Final = 4_000
"""How much of a description a model is shown, in characters."""
_SHOWN_FAULTS: Final = 5


@dataclass(frozen=True, slots=True)
class PythonTool:
    """A function that a model may call."""

    function: Callable[..., object]
    description: str
    schema: dict[str, JsonValue]
    _arguments: type[BaseModel]
    _names: Mapping[str, str]
    """The parameters by the fields of the model."""
    _positional: tuple[str, ...]
    """The fields that Python only takes by position."""

    @property
    def is_async(self) -> bool:
        call = getattr(self.function, "__call__", None)  # noqa: B004 - not whether it can be called, but how
        return inspect.iscoroutinefunction(self.function) or inspect.iscoroutinefunction(call)

    def bind(self, arguments: str) -> tuple[list[object], dict[str, object]]:
        """How to call the function with *arguments*, JSON as a model wrote it: by position and by name.

        Raises:
            BadArgumentsError: they are not JSON, or do not fit the signature.
        """
        try:
            given = self._arguments.model_validate(read_arguments(arguments))
        except ValidationError as error:
            raise BadArgumentsError(_listed(error)) from None
        values = {name: getattr(given, name) for name in given.model_fields_set if name in self._names}
        by_position = []
        for field in self._positional:
            if field not in values:
                break
            by_position.append(values.pop(field))
        return by_position, {self._names[field]: value for field, value in values.items()} | (given.model_extra or {})


def jsonable(value: object) -> JsonValue:
    """What a function returned, as JSON: models, dataclasses, dates and the like as pydantic writes them.

    Raises:
        ValueError: there is no such form.
    """
    try:
        plain: JsonValue = to_jsonable_python(value)
    except (PydanticSerializationError, RecursionError) as error:
        raise ValueError(f"the function returned what is not JSON: {error}") from None
    return plain


def describe_function(function: Callable[..., object], name: str) -> PythonTool:
    """The tool that *function* is; *name* is for messages.

    Raises:
        AgentError: a model cannot be told what it takes.
    """
    return _describe_once(function, name) if inspect.isfunction(function) else _describe(function, name)


@lru_cache(1024)
def _describe_once(function: Callable[..., object], name: str) -> PythonTool:
    """Remembered, for a node that is executed many times: making a schema takes a millisecond."""
    return _describe(function, name)


def _describe(function: Callable[..., object], name: str) -> PythonTool:
    description, described = read_docstring(inspect.getdoc(function) or "")
    try:
        signature = inspect.signature(function, eval_str=True)
        takes_rest = any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values())
        named = [p for p in signature.parameters.values() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        # Fields have names of their own: those of parameters may be ones that pydantic's models use themselves.
        fields = {f"argument_{at}": parameter for at, parameter in enumerate(named)}
        arguments = create_model(
            "arguments",
            __config__=ConfigDict(extra="allow" if takes_rest else "forbid"),
            **{field: (_type_of(p), _field_of(p, described.get(p.name))) for field, p in fields.items()},
        )  # type: ignore[call-overload] # mypy does not follow fields that are only known here
        schema = arguments.model_json_schema(schema_generator=_PlainSchema)
    except (PydanticUserError, NameError, TypeError, ValueError, AttributeError, SyntaxError) as error:
        said = shorten(str(error).partition("\n")[0], 300)
        fix = "annotate its parameters with types that JSON can hold: str, int, list[str], a pydantic model, an enum …"
        raise AgentError(f"{name} cannot be a tool: {said}", fix=fix, is_retryable=False) from None
    schema.pop("title", None)
    return PythonTool(
        function=function,
        description=shorten(description, LONGEST_DESCRIPTION),
        schema=schema,
        _arguments=arguments,
        _names={field: parameter.name for field, parameter in fields.items()},
        _positional=tuple(field for field, parameter in fields.items() if parameter.kind is parameter.POSITIONAL_ONLY),
    )


def _type_of(parameter: inspect.Parameter) -> Any:
    """The annotation, which may be anything that pydantic knows."""
    return Any if parameter.annotation is parameter.empty else parameter.annotation


def _field_of(parameter: inspect.Parameter, description: str | None) -> FieldInfo:
    default = ... if parameter.default is parameter.empty else parameter.default
    # None would hide a description that the annotation brings along.
    if description is None:
        return Field(default, alias=parameter.name)  # type: ignore[no-any-return]
    return Field(default, alias=parameter.name, description=shorten(description, 1_000))  # type: ignore[no-any-return]


def _listed(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False)
    said = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults[:_SHOWN_FAULTS]]
    return "; ".join([*said, f"and {len(faults) - len(said)} more"] if len(faults) > len(said) else said)


class _PlainSchema(GenerateJsonSchema):
    """Without titles, which only repeat the names, and without complaints about defaults that JSON cannot hold."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - of the base
        return False

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        pass
