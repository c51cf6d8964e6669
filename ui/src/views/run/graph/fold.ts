import type { GraphEdge, GraphGroup, GraphNode, GroupedGraph } from "../../../api/types";

/** What is drawn as one: its nodes, and why they are together. */
export interface NodeGroup extends Omit<GraphGroup, "nodes"> {
  id: string;
  nodes: GraphNode[];
}

export type Part = GraphNode | NodeGroup;

/** A graph as it is drawn. */
export interface Drawing {
  parts: readonly Part[];
  edges: readonly GraphEdge[];
}

export type Shown = Pick<GroupedGraph, "nodes" | "edges" | "groups">;

export function isGroup(part: Part): part is NodeGroup {
  return "nodes" in part;
}

/** The graph without any group. */
export function unfolded(graph: Shown): Drawing {
  return { parts: graph.nodes, edges: graph.edges };
}

/** The graph with the groups that the server has found in it. */
export function folded(graph: Shown): Drawing {
  const nodes = new Map(graph.nodes.map((node) => [node.id, node]));
  const standsFor = new Map<string, NodeGroup>();
  for (const { nodes: names, ...group } of graph.groups) {
    const members = names.map((name) => nodes.get(name)).filter((node) => node !== undefined);
    const [first] = members;
    if (first === undefined) continue;
    const one = { ...group, id: first.id, nodes: members };
    members.forEach((node) => standsFor.set(node.id, one));
  }
  const parts = new Set(graph.nodes.map((node) => standsFor.get(node.id) ?? node));
  const edges = new Map<string, GraphEdge>();
  for (const edge of graph.edges) {
    const before = standsFor.get(edge.before)?.id ?? edge.before;
    const after = standsFor.get(edge.after)?.id ?? edge.after;
    if (before === after) continue;
    const known = edges.get(`${before} ${after}`);
    if (known === undefined) edges.set(`${before} ${after}`, { ...edge, before, after });
    else if (edge.kinds.some((kind) => !known.kinds.includes(kind))) known.kinds = [...new Set([...known.kinds, ...edge.kinds])];
  }
  return { parts: [...parts], edges: [...edges.values()] };
}
