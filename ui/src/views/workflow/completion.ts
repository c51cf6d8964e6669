import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { NODE_KEYS, WORKFLOW_KEYS } from "../../api/keys";
import type { CheckedText } from "../../api/types";

const AGENTS: readonly Completion[] = [
  { label: "local://echo", detail: "gives back what it is given" },
  { label: "local://", detail: "module.function" },
  { label: "llm://", detail: "provider/model" },
  { label: "a2a://", detail: "a remote agent" },
  { label: "human://approve", detail: "a person says yes or no" },
  { label: "human://input", detail: "a person writes something" },
];

/** What may stand where somebody writes: keys, references, agents, nodes. */
export function complete(context: CompletionContext, known: CheckedText | null): CompletionResult | null {
  return references(context, known) ?? agents(context, known) ?? dependencies(context, known) ?? keys(context);
}

function references(context: CompletionContext, known: CheckedText | null): CompletionResult | null {
  const typed = context.matchBefore(/\$\{[\w.-]*/);
  if (typed === null) return null;
  const options = [
    ...Object.keys(known?.inputs ?? {}).map((name) => ({ label: `user.${name}`, detail: "input" })),
    ...(known?.graph?.nodes ?? []).map((node) => ({ label: `${node.id}.output`, detail: node.agent })),
    { label: "item", detail: "the item of a foreach" },
  ];
  return { from: typed.from + 2, options, validFor: /^[\w.-]*$/ };
}

function agents(context: CompletionContext, known: CheckedText | null): CompletionResult | null {
  const typed = context.matchBefore(/\bagent:\s+["']?[^\s"',}]*/);
  if (typed === null) return null;
  const start = typed.from + (/^agent:\s+["']?/.exec(typed.text)?.[0].length ?? 0);
  const used = new Set((known?.graph?.nodes ?? []).map((node) => node.agent));
  const options = [...[...used].map((label) => ({ label, detail: "used here", boost: 1 })), ...AGENTS.filter((one) => !used.has(one.label))];
  return { from: start, options, validFor: /^[\w.:/@-]*$/ };
}

function dependencies(context: CompletionContext, known: CheckedText | null): CompletionResult | null {
  const typed = context.matchBefore(/\bdepends_on:\s+(\[[^\]\n]*)?[\w.-]*/);
  if (typed === null) return null;
  const start = context.pos - (/[\w.-]*$/.exec(typed.text)?.[0].length ?? 0);
  const options = (known?.graph?.nodes ?? []).map((node) => ({ label: node.id, detail: node.agent }));
  return { from: start, options, validFor: /^[\w.-]*$/ };
}

/** Keys where a key may stand; without anything typed only when somebody asks. */
function keys(context: CompletionContext): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const typed = /^(\s*)(\w*)$/.exec(line.text.slice(0, context.pos - line.from));
  if (typed === null || (!context.explicit && typed[2] === "")) return null;
  const indent = typed[1]?.length ?? 0;
  const found = indent === 0 ? WORKFLOW_KEYS : indent >= 4 ? NODE_KEYS : null;
  if (found === null) return null;
  return {
    from: context.pos - (typed[2]?.length ?? 0),
    options: Object.entries(found).map(([label, about]) => ({ label, detail: shortened(about), apply: `${label}: ` })),
    validFor: /^\w*$/,
  };
}

/** The first sentence, and no more than fits. */
function shortened(about: string): string {
  const said = about.replace(/`/g, "").split(/[.;:](?:\s|$)/)[0] ?? "";
  return said.length <= 64 ? said : `${said.slice(0, 63)}…`;
}
