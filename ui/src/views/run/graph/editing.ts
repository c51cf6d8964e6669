import type { GraphEdge } from "../../../api/types";

/** What can be done in a graph that is being written. */
export interface GraphEdit {
  connect: (before: string, after: string) => void;
  chooseEdge: (before: string, after: string) => void;
  /** The connection that was chosen last, by its ends. */
  chosenEdge: { before: string; after: string } | null;
}

/** Whether two nodes may be connected: not to themselves, and not so that they wait for each other. */
export function canConnect(edges: readonly GraphEdge[], before: string, after: string): boolean {
  if (before === after) return false;
  const next = new Map<string, string[]>();
  for (const edge of edges) {
    const known = next.get(edge.before);
    if (known === undefined) next.set(edge.before, [edge.after]);
    else known.push(edge.after);
  }
  const seen = new Set([after]);
  const open = [after];
  for (let here = open.pop(); here !== undefined; here = open.pop()) {
    if (here === before) return false;
    for (const one of next.get(here) ?? []) {
      if (seen.has(one)) continue;
      seen.add(one);
      open.push(one);
    }
  }
  return true;
}
