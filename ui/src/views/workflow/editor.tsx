import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import { NODE_KEYS, WORKFLOW_KEYS } from "../../api/keys";
import type { CheckedText } from "../../api/types";

export interface EditorHandle {
  /** Put *text* in the place of all; it can be undone. */
  replace: (text: string) => void;
  goTo: (line: number, column: number) => void;
  /** Go to where a node is written. */
  show: (node: string) => void;
}

interface EditorProps {
  ref: Ref<EditorHandle>;
  text: string;
  checked: CheckedText | null;
  isReadOnly: boolean;
  change: (text: string) => void;
  save: () => void;
}

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--link)" },
  { tag: tags.comment, color: "var(--faint)", fontStyle: "italic" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: "var(--asks)" },
  { tag: [tags.punctuation, tags.separator, tags.squareBracket, tags.brace], color: "var(--faint)" },
]);

const look = EditorView.theme({
  "&": { height: "100%", fontSize: "0.8125rem", backgroundColor: "var(--panel)", color: "var(--ink)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-gutters": { backgroundColor: "var(--sunken)", color: "var(--faint)", borderRight: "1px solid var(--line)" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--accent) 8%, transparent)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--strong-line)", borderRadius: "6px" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "inherit", fontStyle: "normal", opacity: "0.85" },
});

/** The text of a workflow, with completion, and with faults where they are. */
export function Editor({ ref, text, checked, isReadOnly, change, save }: EditorProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ checked, change, save });
  latest.current = { checked, change, save };
  useEffect(() => {
    if (box.current === null) return;
    const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content ?? "";
    const made = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: text,
        extensions: [
          EditorView.cspNonce.of(nonce),
          lineNumbers(),
          lintGutter(),
          history(),
          drawSelection(),
          indentOnInput(),
          highlightActiveLine(),
          yaml(),
          syntaxHighlighting(colours),
          look,
          EditorView.lineWrapping,
          EditorState.readOnly.of(isReadOnly),
          EditorState.tabSize.of(2),
          EditorView.contentAttributes.of({ "aria-label": "Text of the workflow" }),
          autocompletion({ override: [(context) => complete(context, latest.current.checked)], icons: false }),
          keymap.of([{ key: "Mod-s", run: () => (latest.current.save(), true) }, ...defaultKeymap, ...historyKeymap, indentWithTab]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.change(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => made.destroy();
  }, [isReadOnly]);
  useEffect(() => {
    const here = view.current;
    if (here === null || checked === null) return;
    here.dispatch(setDiagnostics(here.state, diagnosticsOf(here.state, checked)));
  }, [checked]);
  useImperativeHandle(ref, () => ({
    replace(changed) {
      view.current?.dispatch({ changes: { from: 0, to: view.current.state.doc.length, insert: changed } });
    },
    goTo(line, column) {
      const here = view.current;
      if (here !== null) reveal(here, placeOf(here.state, line, column));
    },
    show(node) {
      const here = view.current;
      const found = here === null ? null : new RegExp(`^\\s+["']?${node.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}["']?\\s*:`, "m").exec(here.state.doc.toString());
      if (here !== null && found !== null) reveal(here, found.index + found[0].search(/\S/));
    },
  }), []);
  return <div className="editor" ref={box} />;
}

function reveal(view: EditorView, at: number): void {
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  view.focus();
}

function placeOf(state: EditorState, line: number, column: number): number {
  const found = state.doc.line(Math.max(1, Math.min(line, state.doc.lines)));
  return Math.min(found.from + Math.max(0, column - 1), found.to);
}

function diagnosticsOf(state: EditorState, checked: CheckedText): Diagnostic[] {
  const all = [...checked.faults.map((fault) => ({ fault, severity: "error" as const })), ...checked.warnings.map((fault) => ({ fault, severity: "warning" as const }))];
  return all.map(({ fault, severity }) => {
    const from = fault.line === null ? 0 : placeOf(state, fault.line, fault.column ?? 1);
    const word = /^[^\s,}\]]+/.exec(state.sliceDoc(from, from + 200))?.[0].length ?? 0;
    return { from, to: Math.min(state.doc.length, from + word), severity, message: fault.fix === null ? fault.message : `${fault.message}\n${fault.fix}` };
  });
}

/** Keys where a key may stand, and what can be referred to behind `${`. */
function complete(context: CompletionContext, checked: CheckedText | null): CompletionResult | null {
  const reference = context.matchBefore(/\$\{[\w.-]*/);
  if (reference !== null) {
    const names = [
      ...Object.keys(checked?.inputs ?? {}).map((name) => ({ label: `user.${name}`, detail: "input" })),
      ...(checked?.graph?.nodes ?? []).map((node) => ({ label: `${node.id}.output`, detail: node.agent })),
      { label: "item", detail: "the item of a foreach" },
    ];
    return { from: reference.from + 2, options: names, validFor: /^[\w.-]*$/ };
  }
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const typed = /^(\s*)([\w]*)$/.exec(before);
  if (typed === null || (!context.explicit && typed[2] === "")) return null;
  const indent = typed[1]?.length ?? 0;
  const keys = indent === 0 ? WORKFLOW_KEYS : indent >= 4 ? NODE_KEYS : null;
  if (keys === null) return null;
  return {
    from: context.pos - (typed[2]?.length ?? 0),
    options: Object.entries(keys).map(([label, detail]) => ({ label, detail: detail.slice(0, 70), apply: `${label}: ` })),
    validFor: /^\w*$/,
  };
}
