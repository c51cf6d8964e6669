import { isRecord } from "../../api/client";
import type { Json, TaskDetail } from "../../api/types";
import { beginning, inLine, inLines } from "../../lib/format";
import { nodeOf } from "../../lib/status";

/** Something about a task that can be changed. */
export interface Field {
  id: string;
  group: "agent" | "model" | "prompt" | "setting" | "input" | "output";
  name: string;
  /** What it is now. */
  text: string;
  isJson: boolean;
  isShort: boolean;
  /** Where it stands in the node; null for an output. */
  path: string[] | null;
  /** What stands beside it: what it came to, or that there is none yet. */
  hint?: string;
}

export interface ForkBody {
  from: string[];
  only?: string;
  fields: { node: string; path: string[]; value: Json }[];
  edits: { task: string; output: string; value: Json }[];
  trust?: true;
}

const LONGEST = 200_000;
const LONGEST_HINT = 160;

/** What can be changed about the task: its agent, prompt, settings and inputs as the workflow has them, and its outputs. */
export function fieldsOf(spec: Record<string, Json>, prompts: Record<string, string>, detail: TaskDetail): Field[] {
  const fields: Field[] = [];
  const prompt = typeof spec.system_prompt === "string" ? (prompts[spec.system_prompt] ?? promptIn(prompts, spec.system_prompt)) : null;
  if (typeof spec.system_prompt === "string") {
    fields.push({ id: "prompt", group: "prompt", name: "system_prompt", text: prompt ?? spec.system_prompt, isJson: false, isShort: false, path: ["system_prompt"] });
  }
  const isModel = typeof spec.agent === "string" && spec.agent.startsWith("llm://");
  if (typeof spec.system_prompt !== "string" && isModel && !Array.isArray(spec.messages)) {
    fields.push({ id: "prompt", group: "prompt", name: "system_prompt", text: "", isJson: false, isShort: false, path: ["system_prompt"], hint: "It has none." });
  }
  if (Array.isArray(spec.messages)) {
    fields.push({ id: "messages", group: "prompt", name: "messages", text: inLines(spec.messages), isJson: true, isShort: false, path: ["messages"] });
  }
  if (typeof spec.agent === "string") {
    fields.push({ id: "agent", group: isModel ? "model" : "agent", name: "agent", text: spec.agent, isJson: false, isShort: true, path: ["agent"] });
  }
  if (isRecord(spec.config)) {
    fields.push({ id: "config", group: "setting", name: "config", text: inLines(spec.config), isJson: true, isShort: false, path: ["config"] });
  }
  if (!isRecord(spec.config) && spec.agent !== "local://echo") {
    fields.push({ id: "config", group: "setting", name: "config", text: "", isJson: true, isShort: false, path: ["config"], hint: isModel ? 'It has none; for example {"temperature": 0.2}.' : "It has none." });
  }
  const given = detail.inputs.filter((one) => one.is_implied).map((one): [string, Json] => [one.name, one.written]);
  const inputs = isRecord(spec.inputs) ? Object.entries(spec.inputs) : given;
  for (const [name, value] of inputs) {
    const isText = typeof value === "string";
    fields.push({ id: `input ${name}`, group: "input", name, text: inLines(value), isJson: !isText, isShort: isText && value.length < 80 && !value.includes("\n"), path: ["inputs", name], hint: cameTo(name, value, detail) });
  }
  for (const { artifact, value, is_readable } of detail.outputs) {
    const text = inLines(value);
    if (!is_readable || text.length > LONGEST) {
      fields.push({ id: `output ${artifact.output}`, group: "output", name: artifact.output, text: "", isJson: true, isShort: false, path: null, hint: is_readable ? "It is too long to be shown here; what you write, as JSON, takes its place." : "It can no longer be read; what you write, as JSON, takes its place." });
      continue;
    }
    fields.push({ id: `output ${artifact.output}`, group: "output", name: artifact.output, text, isJson: typeof value !== "string", isShort: false, path: null });
  }
  return fields;
}

/** What an input that is written with references was in this run. */
function cameTo(name: string, written: Json, detail: TaskDetail): string | undefined {
  const given = detail.inputs.find((one) => one.name === name);
  if (given === undefined || !given.is_readable || !inLine(written).includes("${")) return undefined;
  const text = inLine(given.value);
  return `In this run: ${beginning(text, LONGEST_HINT)}${text.length > LONGEST_HINT ? "…" : ""}`;
}

/** What is asked of the server; null where nothing is changed, or something cannot be read. */
export function requestOf(
  task: string,
  fields: readonly Field[],
  texts: Readonly<Record<string, string>>,
  how: { isAgain: boolean; isAlone: boolean },
): { body: ForkBody | null; faults: Record<string, string>; changed: number } {
  const node = nodeOf(task);
  const body: ForkBody = { from: how.isAgain && !how.isAlone ? [task] : [], fields: [], edits: [] };
  if (how.isAlone) body.only = task;
  const faults: Record<string, string> = {};
  let changed = 0;
  for (const field of fields) {
    const text = texts[field.id];
    if (text === undefined || text === field.text) continue;
    if (field.isJson && text.trim() === "" && field.text === "") continue;
    changed += 1;
    let value: Json = text;
    if (field.isJson) {
      try {
        value = JSON.parse(text) as Json;
      } catch (error) {
        faults[field.id] = `This is no JSON: ${error instanceof Error ? error.message : String(error)}`;
        continue;
      }
    }
    if (field.path === null) body.edits.push({ task, output: field.name, value });
    else body.fields.push({ node, path: field.path, value });
  }
  const isNothing = changed === 0 && !how.isAgain && !how.isAlone;
  return { body: isNothing || Object.keys(faults).length > 0 ? null : body, faults, changed };
}

function promptIn(prompts: Record<string, string>, written: string): string | null {
  return written.startsWith("file://") ? (prompts[written.slice("file://".length)] ?? null) : null;
}
