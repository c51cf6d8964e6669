import { type KeyboardEvent, type RefObject, useMemo, useState } from "react";
import type { TextGraph } from "../../api/types";
import { canConnect, type GraphEdit } from "../run/graph/editing";
import type { EditorHandle } from "./editor";
import { addNode, connect, type Connection, disconnect, EditError, removeNode } from "./edits/edits";

/** Edits of the text that are made from the graph; each tells whether it was made. */
export interface Editing {
  kind: Connection;
  setKind: (kind: Connection) => void;
  /** What became of the last one. */
  said: { text: string; isFault: boolean } | null;
  chosen: string | null;
  choose: (node: string) => void;
  chosenEdge: GraphEdit["chosenEdge"];
  canConnect: (before: string, after: string) => boolean;
  add: (name: string, agent: string) => boolean;
  connect: (before: string, after: string) => boolean;
  disconnect: (before: string, after: string) => boolean;
  remove: (node: string) => boolean;
  undo: () => void;
  chooseNothing: () => void;
  onKey: (event: KeyboardEvent) => void;
  /** For the graph. */
  edit: GraphEdit;
}

interface Wanted {
  text: string;
  graph: TextGraph | null;
  editor: RefObject<EditorHandle | null>;
}

export function useEditing({ text, graph, editor }: Wanted): Editing {
  const [kind, setKind] = useState<Connection>("gives");
  const [said, setSaid] = useState<Editing["said"]>(null);
  const [chosen, setChosen] = useState<string | null>(null);
  const [chosenEdge, setChosenEdge] = useState<GraphEdit["chosenEdge"]>(null);
  function attempt(made: () => string, done: string): boolean {
    try {
      editor.current?.replace(made());
    } catch (error) {
      if (!(error instanceof EditError)) throw error;
      setSaid({ text: error.message, isFault: true });
      return false;
    }
    setSaid({ text: done, isFault: false });
    return true;
  }
  function join(before: string, after: string): boolean {
    return attempt(() => connect(text, before, after, kind), `'${after}' comes after '${before}'.`);
  }
  function part(before: string, after: string): boolean {
    const isDone = attempt(() => disconnect(text, before, after), `'${after}' no longer comes after '${before}'.`);
    if (isDone) setChosenEdge(null);
    return isDone;
  }
  function remove(node: string): boolean {
    const isDone = attempt(() => removeNode(text, node), `'${node}' is removed.`);
    if (isDone) setChosen(null);
    return isDone;
  }
  function take(isBack: boolean): void {
    const isDone = isBack ? editor.current?.undo() : editor.current?.redo();
    setSaid(isDone === true && !isBack ? { text: "Made again.", isFault: false } : null);
  }
  function chooseNothing(): void {
    setChosenEdge(null);
    setSaid(null);
    setChosen(null);
  }
  function choose(node: string): void {
    setChosenEdge(null);
    setSaid(null);
    setChosen(node);
  }
  function onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (target.closest("input, select, textarea, [contenteditable]") !== null) return;
    const isWithCommand = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (isWithCommand && (key === "z" || key === "y")) take(key === "z" && !event.shiftKey);
    else if (key === "delete" && chosenEdge !== null) part(chosenEdge.before, chosenEdge.after);
    else if (key === "delete" && chosen !== null) remove(chosen);
    else if (key === "escape") chooseNothing();
    else return;
    event.preventDefault();
  }
  const edges = graph?.edges ?? [];
  return {
    kind,
    setKind,
    said,
    chosen,
    choose,
    chosenEdge,
    canConnect: (before, after) => canConnect(edges, before, after) && !edges.some((edge) => edge.before === before && edge.after === after && edge.kinds.includes("data")),
    add: (name, agent) => attempt(() => addNode(text, name, agent), `'${name}' is added.`),
    connect: join,
    disconnect: part,
    remove,
    undo: () => take(true),
    chooseNothing,
    onKey,
    edit: useMemo(
      () => ({
        connect: (before, after) => void join(before, after),
        chooseEdge: (before, after) => {
          setChosen(null);
          setSaid(null);
          setChosenEdge({ before, after });
        },
        chosenEdge,
      }),
      [text, kind, chosenEdge],
    ),
  };
}
