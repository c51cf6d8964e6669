"""What a foreign span is of, by the conventions that it follows, and what it was given and made."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeAlias

from pydantic import JsonValue

from binex.telemetry import conventions as names
from binex.telemetry.foreign.span import ForeignSpan

Cut: TypeAlias = Callable[[str], str]
"""Cuts secrets out of a text. What is made into a name must be cut before: in a name nobody finds them any more."""


class Kind(StrEnum):
    """What a span is of."""

    MODEL = "model"
    TOOL = "tool"
    AGENT = "agent"
    WORKFLOW = "workflow"
    RETRIEVER = "retriever"
    HTTP = "http"
    STEP = "step"
    """Anything else."""


SCHEME: Final = "otel://"
"""How the agents begin that stand for what was traced elsewhere: nothing here can execute them."""
_OPENINFERENCE: Final = {
    "LLM": Kind.MODEL, "EMBEDDING": Kind.MODEL, "RERANKER": Kind.MODEL,
    "TOOL": Kind.TOOL, "AGENT": Kind.AGENT, "CHAIN": Kind.STEP,
    "RETRIEVER": Kind.RETRIEVER, "GUARDRAIL": Kind.STEP, "EVALUATOR": Kind.STEP, "PROMPT": Kind.STEP,
}  # fmt: skip
_TRACELOOP: Final = {"workflow": Kind.WORKFLOW, "agent": Kind.AGENT, "tool": Kind.TOOL, "task": Kind.STEP}
_OPERATIONS: Final = {
    names.INVOKE_WORKFLOW: Kind.WORKFLOW,
    names.INVOKE_AGENT: Kind.AGENT,
    "create_agent": Kind.AGENT,
    names.EXECUTE_TOOL: Kind.TOOL,
    "retrieval": Kind.RETRIEVER,
}
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_GIVEN: Final = ("input.value", names.TOOL_ARGUMENTS, "tool.parameters", "traceloop.entity.input", names.INPUT_MESSAGES)
_MADE: Final = ("output.value", names.TOOL_RESULT, "traceloop.entity.output", names.OUTPUT_MESSAGES)


def kind_of(span: ForeignSpan) -> Kind:
    """What *span* is of."""
    operation = span.text(names.OPERATION)
    if operation in names.MODEL_OPERATIONS:
        return Kind.MODEL
    if operation in _OPERATIONS:
        return _OPERATIONS[operation]
    said = span.text("openinference.span.kind").upper()
    if said in _OPENINFERENCE:
        return _OPENINFERENCE[said]
    said = span.text("traceloop.span.kind")
    if said in _TRACELOOP:
        return _TRACELOOP[said]
    if span.text(names.REQUEST_MODEL, "llm.model_name", "llm.request.type"):
        return Kind.MODEL
    return Kind.HTTP if span.text(names.HTTP_METHOD, "http.method") else Kind.STEP


def agent_of(span: ForeignSpan, kind: Kind, cut: Cut) -> str:
    """Who did it, as the URI of an agent that nothing can execute; *cut* leaves out secrets."""
    if kind is Kind.MODEL:
        provider = span.text(names.PROVIDER, "gen_ai.system", "llm.provider", "llm.system")
        model = span.text(names.REQUEST_MODEL, "llm.model_name", names.RESPONSE_MODEL)
        said = "/".join(filter(None, (provider, model)))
    else:
        said = name_of(span, kind)
    parts = [_UNFIT.sub("_", part).strip("_") for part in cut(said).split("/")]
    return f"{SCHEME}{kind}/{'/'.join(filter(None, parts))[:120]}".rstrip("/")


def name_of(span: ForeignSpan, kind: Kind) -> str:
    """What *span* is called by whoever made it."""
    match kind:
        case Kind.TOOL:
            return span.text(names.TOOL_NAME, "tool.name", "traceloop.entity.name") or span.name
        case Kind.AGENT:
            return span.text(names.AGENT_NAME, "agent.name", "traceloop.entity.name") or span.name
        case Kind.WORKFLOW:
            return span.text(names.WORKFLOW, "traceloop.entity.name") or span.name
        case _:
            return span.name


def given_to(span: ForeignSpan) -> JsonValue:
    """What it was given, as far as the trace says."""
    return span.value(*_GIVEN)


def made_by(span: ForeignSpan) -> JsonValue:
    """What it made, as far as the trace says."""
    return span.value(*_MADE)


def fit_name(text: str) -> str:
    """*text* as the name of a node: what may not stand in one is replaced."""
    return _UNFIT.sub("_", text).strip("._")[:48] or "span"
