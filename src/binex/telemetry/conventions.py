"""The names of OpenTelemetry's semantic conventions, as far as we say or understand them.

Copied from the conventions' registry; nothing of OpenTelemetry is imported for them. The GenAI group is still in
development there and changes between revisions: this is the revision that :data:`REVISION` names.
"""

from typing import Final

REVISION: Final = "1.44.0"
"""The revision of the semantic conventions that the names are from."""
SCHEMA_URL: Final = f"https://opentelemetry.io/schemas/{REVISION}"

# --- gen_ai ---------------------------------------------------------------------------------------------------
OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
WORKFLOW: Final = "gen_ai.workflow.name"
AGENT_NAME: Final = "gen_ai.agent.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
OUTPUT_TYPE: Final = "gen_ai.output.type"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_RESULT: Final = "gen_ai.tool.call.result"

SETTINGS: Final = {
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "max_tokens": "gen_ai.request.max_tokens",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "stop": "gen_ai.request.stop_sequences",
}
"""What our port to models calls a setting, and what the conventions do."""

INVOKE_WORKFLOW: Final = "invoke_workflow"
INVOKE_AGENT: Final = "invoke_agent"
EXECUTE_TOOL: Final = "execute_tool"
CHAT: Final = "chat"
MODEL_OPERATIONS: Final = frozenset({CHAT, "generate_content", "text_completion", "embeddings"})
"""Operations that ask a model."""

PROVIDERS: Final = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
"""Providers that the conventions call otherwise than workflows do; others have the same name."""

# --- what is not about models ---------------------------------------------------------------------------------
ERROR_TYPE: Final = "error.type"
HTTP_METHOD: Final = "http.request.method"
HTTP_STATUS: Final = "http.response.status_code"
URL: Final = "url.full"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
EXCEPTION: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
SERVICE_NAME: Final = "service.name"

# --- ours -----------------------------------------------------------------------------------------------------
SPAN: Final = "binex.span"
"""What a span is of: run, task, attempt or call."""
RUN_ID: Final = "binex.run.id"
RUN_STATUS: Final = "binex.run.status"
RUN_VARIABLES: Final = "binex.run.variables"
TASK: Final = "binex.task.path"
NODE: Final = "binex.node.id"
AGENT: Final = "binex.agent"
ATTEMPT: Final = "binex.attempt"
STATUS: Final = "binex.status"
SKIP_REASON: Final = "binex.skip_reason"
BLOCKED_BY: Final = "binex.blocked_by"
REUSED_FROM: Final = "binex.reused_from"
IS_EDITED: Final = "binex.is_edited"
ERROR_KIND: Final = "binex.error.kind"
QUEUED_MS: Final = "binex.queued_ms"
RETRY_IN_MS: Final = "binex.retry_in_ms"
COST: Final = "binex.cost_usd"
PRICED_BY: Final = "binex.priced_by"
CALL_KIND: Final = "binex.call.kind"
CALL_NUMBER: Final = "binex.call.number"
CALL_TARGET: Final = "binex.call.target"
REQUEST: Final = "binex.request"
RESPONSE: Final = "binex.response"
OUTPUTS: Final = "binex.outputs"
INPUT_ARTIFACTS: Final = "binex.inputs"
CUT: Final = "binex.cut"
"""Names of contents that were left out of a span since they are too long for one."""
LINK: Final = "binex.link"
"""Why a span links to another: fork, replay, reused."""
