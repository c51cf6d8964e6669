import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab, isolateHistory, redo, undo } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState, Text } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { type Ref, useEffect, useImperativeHandle, useRef } from "react";
import type { CheckedText } from "../../api/types";
import { complete } from "./completion";

export interface EditorHandle {
  /** Make the text to be *text*, by changing what is different; one step for undoing. */
  replace: (text: string) => void;
  undo: () => boolean;
  redo: () => boolean;
  goTo: (line: number, column: number) => void;
  /** Show where a node is written; whoever chose it goes on where that was. */
  show: (node: string) => void;
}

interface EditorProps {
  ref: Ref<EditorHandle>;
  text: string;
  checked: CheckedText | null;
  /** What the last text that was a workflow had in it, for completion. */
  known: CheckedText | null;
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
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxWidth: "min(34rem, 90vw)" },
  ".cm-tooltip-autocomplete > ul > li": { display: "flex", gap: "0.75rem", padding: "0.15rem 0.6rem !important", alignItems: "baseline" },
  ".cm-completionLabel": { flex: "none" },
  ".cm-completionDetail": { color: "var(--faint)", fontStyle: "normal", fontFamily: "var(--sans, inherit)", fontSize: "0.75rem", marginLeft: "auto !important", overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap" },
  "li[aria-selected] .cm-completionDetail": { color: "inherit" },
});

/** The text of a workflow, with completion, and with faults where they are. */
export function Editor({ ref, text, checked, known, isReadOnly, change, save }: EditorProps) {
  const box = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef({ known, change, save });
  latest.current = { known, change, save };
  useEffect(() => {
    if (box.current === null) return;
    const newline = newlineOf(text);
    const nonce = document.querySelector<HTMLMetaElement>("meta[name=csp-nonce]")?.content ?? "";
    const made = new EditorView({
      parent: box.current,
      state: EditorState.create({
        doc: Text.of(text.split(newline)),
        extensions: [
          EditorView.cspNonce.of(nonce),
          EditorState.lineSeparator.of(newline),
          EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?|\n/g, newline)),
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
          autocompletion({ override: [(context) => complete(context, latest.current.known)], icons: false }),
          keymap.of([{ key: "Mod-s", run: () => (latest.current.save(), true) }, ...completionKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab]),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.change(update.state.sliceDoc());
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
      const here = view.current;
      if (here === null) return;
      const [before, after] = [here.state.doc.toString(), changed.split(here.state.lineBreak).join("\n")];
      const { from, to, end } = differenceOf(before, after);
      here.dispatch({
        changes: { from, to, insert: Text.of(after.slice(from, end).split("\n")) },
        annotations: isolateHistory.of("full"),
        effects: EditorView.scrollIntoView(from, { y: "center" }),
      });
    },
    undo: () => view.current !== null && undo(view.current),
    redo: () => view.current !== null && redo(view.current),
    goTo(line, column) {
      const here = view.current;
      if (here === null) return;
      reveal(here, placeOf(here.state, line, column));
      here.focus();
    },
    show(node) {
      const here = view.current;
      const found = here === null ? null : new RegExp(`^\\s+["']?${node.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}["']?\\s*:`, "m").exec(here.state.doc.toString());
      if (here !== null && found !== null) reveal(here, found.index + found[0].search(/\S/));
    },
  }), []);
  return <div className="editor" ref={box} />;
}

/** What ends the lines of a text; where that is mixed, what is before a line feed is a part of the line. */
function newlineOf(text: string): string {
  return text.includes("\r\n") && !/(^|[^\r])\n/.test(text) ? "\r\n" : "\n";
}

/** Where two texts differ: from, to in the first, and to in the second. */
function differenceOf(before: string, after: string): { from: number; to: number; end: number } {
  const most = Math.min(before.length, after.length);
  let from = 0;
  while (from < most && before[from] === after[from]) from += 1;
  let same = 0;
  while (same < most - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1;
  return { from, to: before.length - same, end: after.length - same };
}

function reveal(view: EditorView, at: number): void {
  view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
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
