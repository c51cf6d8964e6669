import type { Json, TaskDetail } from "../../api/types";
import { inLines } from "../../lib/format";

/** Something about a task that can be changed. */
export interface Field {
  id: string;
  group: "agent" | "prompt" | "setting" | "input" | "output";
  name: string;
  /** What it is now. */
  text: string;
  isJson: boolean;
  isShort: boolean;
  /** Where it stands in the node; null for an output. */
  path: string[] | null;
}

export interface ForkBody {
  from: string[];
  only?: string;
  fields: { node: string; path: string[]; value: Json }[];
  edits: { task: string; output: string; value: Json }[];
}

const LONGEST = 200_000;

/** What can be changed about the task: its agent, prompt, settings and inputs as the workflow has them, and its outputs. */
export function fieldsOf(node: string, spec: Record<string, Json>, prompts: Record<string, string>, detail: TaskDetail): Field[] {
  const fields: Field[] = [];
  const prompt = typeof spec.system_prompt === "string" ? (prompts[spec.system_prompt] ?? promptIn(prompts, spec.system_prompt)) : null;
  if (typeof spec.system_prompt === "string") {
    fields.push({ id: "prompt", group: "prompt", name: "system_prompt", text: prompt ?? spec.system_prompt, isJson: false, isShort: false, path: ["system_prompt"] });
  }
  if (Array.isArray(spec.messages)) {
    fields.push({ id: "messages", group: "prompt", name: "messages", text: inLines(spec.messages), isJson: true, isShort: false, path: ["messages"] });
  }
  if (typeof spec.agent === "string") {
    fields.push({ id: "agent", group: "agent", name: node, text: spec.agent, isJson: false, isShort: true, path: ["agent"] });
  }
  if (typeof spec.config === "object" && spec.config !== null && !Array.isArray(spec.config)) {
    fields.push({ id: "config", group: "setting", name: "config", text: inLines(spec.config), isJson: true, isShort: false, path: ["config"] });
  }
  const inputs = typeof spec.inputs === "object" && spec.inputs !== null && !Array.isArray(spec.inputs) ? Object.entries(spec.inputs) : [];
  for (const [name, value] of inputs) {
    const isText = typeof value === "string";
    fields.push({ id: `input ${name}`, group: "input", name, text: inLines(value), isJson: !isText, isShort: isText && value.length < 80 && !value.includes("\n"), path: ["inputs", name] });
  }
  for (const { artifact, value, is_readable } of detail.outputs) {
    const text = inLines(value);
    if (!is_readable || text.length > LONGEST) continue;
    fields.push({ id: `output ${artifact.output}`, group: "output", name: artifact.output, text, isJson: typeof value !== "string", isShort: false, path: null });
  }
  return fields;
}

/** What is asked of the server; null where nothing is changed, or something cannot be read. */
export function requestOf(
  task: string,
  fields: readonly Field[],
  texts: Readonly<Record<string, string>>,
  how: { isAgain: boolean; isAlone: boolean },
): { body: ForkBody | null; faults: Record<string, string>; changed: number } {
  const node = task.replace(/\[\d+\]$/, "");
  const body: ForkBody = { from: how.isAgain && !how.isAlone ? [task] : [], fields: [], edits: [] };
  if (how.isAlone) body.only = task;
  const faults: Record<string, string> = {};
  let changed = 0;
  for (const field of fields) {
    const text = texts[field.id];
    if (text === undefined || text === field.text) continue;
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
