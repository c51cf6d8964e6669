// Written by scripts/write_types.py from the models; not by hand.

export const WORKFLOW_KEYS: Record<string, string> = {
  "version": "The version of the file format.",
  "name": "What the workflow is called in lists.",
  "description": "What it is for.",
  "inputs": "The variables that a run takes, used as `${user.<name>}`.",
  "defaults": "What nodes use that do not say otherwise.",
  "concurrency": "How many tasks may run at a time: a number, or `{default: 8, openai: 2}` by provider or scheme.",
  "budget": "What all calls of models may cost together.",
  "mcp_servers": "Servers whose tools models may use, by name.",
  "nodes": "The steps, by id."
};

export const NODE_KEYS: Record<string, string> = {
  "agent": "Who does the work, as a URI: `local://module.function`, `local://echo`.",
  "system_prompt": "The agent's instructions; `file://prompts/plan.md` reads them from a file inside the workflow's folder.",
  "inputs": "What the agent gets, by name. References such as `${plan.output}` may stand in any string.",
  "outputs": "The names of the artifacts that the node makes.",
  "depends_on": "Nodes that must come first; a reference in `inputs` needs no entry here.",
  "config": "Settings for the adapter.",
  "when": "A condition; where it is false the node is skipped, which is no failure.",
  "deadline_ms": "How long one attempt may take, in milliseconds.",
  "retry_policy": "When and how often a failed attempt is repeated.",
  "foreach": "Run once for each item of a list: a reference to one, or the id of a node whose only output is one.",
  "max_parallel": "How many items may run at a time.",
  "max_items": "More items than this are refused before the first one runs.",
  "on_item_failure": "`continue` puts null in a failed item's place; `fail_fast` stops the other items and fails the node.",
  "isolation": "`process` runs a local function in a process of its own, for code that may hang or crash.",
  "messages": "For a model: the whole conversation, instead of `system_prompt` and the inputs.",
  "output_schema": "The JSON Schema that every output must fit; a miss is retried with the reason.",
  "tools": "For a model: what it may use, `python://module.function`, `mcp://server/tool` or `mcp://server` for all.",
  "fallbacks": "For a model: others to ask where it cannot be had, in order, as URIs.",
  "repair": "For a model: what to do about an answer that does not fit `output_schema`.",
  "budget": "What the node's calls of models may cost together: a number of US dollars, or `{max_cost: 0.50}`.",
  "cache": "Whether an outcome of an earlier run may stand for the node's: `true` always, `false` never."
};
