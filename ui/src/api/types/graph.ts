// Written by scripts/write_types.py from the models; not by hand.

import type { Damage, ErrorKind, Run, SkipReason, TaskStatus } from "./runs";

/** Why a node comes after another. */
export type EdgeKind = "data" | "condition" | "order";

/** One dependency. */
export interface GraphEdge {
  before: string;
  after: string;
  kinds: EdgeKind[];
  references: string[];
}

/** Nodes that may be shown as one. */
export interface GraphGroup {
  nodes: string[];
  agent: string;
  is_alike: boolean;
}

/** One node of the workflow, and how it went in the run. */
export interface GraphNode {
  id: string;
  agent: string;
  status: TaskStatus | null;
  attempts: number;
  duration_ms: number;
  items: Record<string, number>;
  skip_reason: SkipReason | null;
  blocked_by: string | null;
  reused_from: string | null;
  is_edited: boolean;
  was_cut_off: boolean;
  error: string | null;
  error_kind: ErrorKind | null;
}

/** A graph with what a page may show as one. */
export interface GroupedGraph {
  run: Run;
  nodes: GraphNode[];
  edges: GraphEdge[];
  taken_over: number;
  damage: Damage[];
  groups: GraphGroup[];
}
