// Written by scripts/write_types.py from the models; not by hand.

import type { AgentEntry } from "./figures";
import type { GraphEdge, GraphGroup, GraphNode } from "./graph";
import type { Json } from "./json";
import type { Budget } from "./runs";

/** A text, read as a workflow. */
export interface CheckedText {
  is_usable: boolean;
  name: string | null;
  description: string;
  faults: Complaint[];
  warnings: Complaint[];
  graph: TextGraph | null;
  inputs: Record<string, InputSpec>;
}

/** Something about a text; without a place where a place means nothing. */
export interface Complaint {
  message: string;
  line: number | null;
  column: number | null;
  fix: string | null;
}

/** One input of the workflow, used as `${user.<name>}`. */
export interface InputSpec {
  type: InputType | null;
  default: Json;
  description: string;
  required: boolean | null;
}

/** The type of a workflow input. */
export type InputType = "string" | "integer" | "number" | "boolean" | "array" | "object";

/** What a run would do with one node. */
export interface NodePreview {
  node: string;
  agent: string;
  wave: number;
  after: string[];
  when: string | null;
  foreach: string | null;
  price: string;
  cost_usd: number | null;
  tasks: number | null;
}

/** What a run would do, what it lacks, and what it will probably cost. */
export interface RunPreview {
  workflow: string;
  can_begin: boolean;
  missing: Complaint[];
  nodes: NodePreview[];
  waves: number;
  agents: AgentEntry[];
  probable_cost_usd: number;
  unpriced: string[];
  budget: Budget | null;
  known_from: string[];
}

/** What a workflow looks like before it was run. */
export interface TextGraph {
  nodes: GraphNode[];
  edges: GraphEdge[];
  groups: GraphGroup[];
}

/** One workflow file, without what it says. */
export interface WorkflowFile {
  name: string;
  size: number;
  sha256: string;
  modified_at: string;
}

/** The workflow files of the folder. */
export interface WorkflowFiles {
  folder: string;
  workflows: WorkflowFile[];
}

/** One workflow file, word for word. */
export interface WorkflowText {
  name: string;
  text: string;
  sha256: string;
}
