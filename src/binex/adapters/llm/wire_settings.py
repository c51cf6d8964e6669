"""Settings under our names, as the fields of each protocol's request.

They are put into the body as they are, past the tables in which the libraries keep what they believe a model to take:
whatever a node sets reaches the provider, which has the last word.
"""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from binex.adapters.llm.port import ModelRequest

Body = dict[str, JsonValue]

_MODES: Final = ("auto", "none", "required")
_AS_NAMED: Final = (
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "reasoning_effort",
    "user",
)
_NEW_NAME_OF_LIMIT: Final = frozenset({"openai", "azure"})
"""The others know `max_tokens` alone."""


def openai_body(request: ModelRequest) -> Body:
    """Fields of a chat completion."""
    settings = request.settings
    body: Body = {name: settings[name] for name in _AS_NAMED if name in settings}
    if "max_tokens" in settings:
        is_new = request.provider in _NEW_NAME_OF_LIMIT
        body["max_completion_tokens" if is_new else "max_tokens"] = settings["max_tokens"]
    if request.tools:
        if "parallel_tool_calls" in settings:
            body["parallel_tool_calls"] = settings["parallel_tool_calls"]
        choice = settings.get("tool_choice")
        if choice is not None:
            body["tool_choice"] = choice if choice in _MODES else {"type": "function", "function": {"name": choice}}
    response_format = settings.get("response_format")
    if response_format is not None:
        body["response_format"] = {"type": response_format} if isinstance(response_format, str) else response_format
    if request.output_schema is not None:
        schema = request.output_schema
        form: Body = {"name": "output", "schema": schema, "strict": is_strict(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    return {**body, **_object(settings.get("extra_body"))}


def anthropic_body(request: ModelRequest) -> Body:
    """Fields of a message, without what the library makes of `max_tokens`, `reasoning_effort` and the schema."""
    settings = request.settings
    body: Body = {name: settings[name] for name in ("temperature", "top_p", "top_k") if name in settings}
    if "stop" in settings:
        body["stop_sequences"] = _list(settings["stop"])
    if "user" in settings:
        body["metadata"] = {"user_id": settings["user"]}
    if request.tools and ("tool_choice" in settings or "parallel_tool_calls" in settings):
        body["tool_choice"] = _anthropic_choice(settings)
    return {**body, **_object(settings.get("extra_body"))}


def google_body(request: ModelRequest) -> Body:
    """Fields of a request to generate content, without what the library makes of `reasoning_effort`."""
    settings = request.settings
    names = {
        "temperature": "temperature",
        "top_p": "topP",
        "top_k": "topK",
        "max_tokens": "maxOutputTokens",
        "seed": "seed",
        "presence_penalty": "presencePenalty",
        "frequency_penalty": "frequencyPenalty",
    }
    config: Body = {wire: settings[ours] for ours, wire in names.items() if ours in settings}
    if "stop" in settings:
        config["stopSequences"] = _list(settings["stop"])
    if settings.get("response_format") == "json_object":
        config["responseMimeType"] = "application/json"
    # Before its third generation Gemini takes either tools or a schema.
    if request.output_schema is not None and not (request.tools and request.model.startswith(("gemini-1", "gemini-2"))):
        config["responseMimeType"] = "application/json"
        config["responseJsonSchema"] = request.output_schema
    body: Body = {"generationConfig": config} if config else {}
    choice = settings.get("tool_choice")
    if request.tools and isinstance(choice, str):
        modes = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
        calling: Body = {"mode": modes.get(choice, "ANY")}
        if choice not in modes:
            calling["allowedFunctionNames"] = [choice]
        body["toolConfig"] = {"functionCallingConfig": calling}
    return _merged(body, _object(settings.get("extra_body")))


def ollama_options(request: ModelRequest) -> Body:
    """The `options` of a chat."""
    settings = request.settings
    options: Body = {name: settings[name] for name in _AS_NAMED[:7] if name in settings}
    if "max_tokens" in settings:
        options["num_predict"] = settings["max_tokens"]
    return {**options, **_object(settings.get("options"))}


def ollama_think(request: ModelRequest) -> bool | str | None:
    """How much a model of Ollama is to reason: some take a word, others only whether."""
    effort = request.settings.get("reasoning_effort")
    if effort is None:
        return None
    if effort == "none":
        return False
    return {"minimal": "low", "xhigh": "high", "max": "high"}.get(str(effort), str(effort))


def is_strict(schema: JsonValue) -> bool:
    """Whether OpenAI's strict mode takes a schema: nothing but what is named, and all of that required."""
    if isinstance(schema, list):
        return all(is_strict(one) for one in schema)
    if not isinstance(schema, dict):
        return True
    if not _LEFT_OUT.isdisjoint(schema):
        return False
    properties = schema.get("properties")
    if isinstance(properties, dict) or schema.get("type") == "object":
        named, required = _object(properties), schema.get("required", [])
        is_closed = schema.get("additionalProperties") is False
        if not (is_closed and isinstance(required, list) and set(map(str, required)) == set(named)):
            return False
        if not all(is_strict(one) for one in named.values()):
            return False
    return all(is_strict(value) for key, value in schema.items() if key in ("items", "anyOf")) and all(
        is_strict(one) for key in ("$defs", "definitions") for one in _object(schema.get(key)).values()
    )


_LEFT_OUT: Final = frozenset(
    {
        *("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "default"),
        *("patternProperties", "prefixItems", "contains", "unevaluatedProperties", "propertyNames"),
    }
)


def _anthropic_choice(settings: Mapping[str, JsonValue]) -> Body:
    given = settings.get("tool_choice", "auto")
    kinds = {"auto": "auto", "none": "none", "required": "any"}
    choice: Body = (
        {"type": kinds[given]} if isinstance(given, str) and given in kinds else {"type": "tool", "name": given}
    )
    if settings.get("parallel_tool_calls") is False and choice["type"] != "none":
        choice["disable_parallel_tool_use"] = True
    return choice


def _merged(ours: Body, theirs: Body) -> Body:
    merged = dict(ours)
    for key, value in theirs.items():
        mine = merged.get(key)
        merged[key] = _merged(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return merged


def _object(value: JsonValue) -> Body:
    return value if isinstance(value, dict) else {}


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]
