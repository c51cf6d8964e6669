// Written by scripts/write_types.py from the models; not by hand.

import type { Json } from "./json";
import type { ChangeChange, Damage, ErrorInfo, Run, SkipReason, Spend, TaskStatus } from "./runs";

/** What can be different about a task. */
export type Aspect = "status" | "error" | "output" | "inputs" | "prompt" | "model" | "agent" | "code" | "config" | "tools" | "schema" | "rules" | "version" | "hand" | "name";

/** What made the runs different, apart from all that follows from it. */
export interface Cause {
  kind: CauseKind;
  tasks: string[];
  node: string;
  aspects: Aspect[];
  parts: string[];
  text: string;
  leads_to: string[];
  follows_from: string[];
}

/** Why a task came out otherwise, where that is not because others did. */
export type CauseKind = "changed" | "variable" | "added" | "removed" | "edited" | "fault" | "sampling" | "failure" | "chance" | "stopped" | "missing" | "unknown";

/** What happens to a node in a fork. */
export type Decision = "run" | "may_run" | "reused" | "edited" | "left_out";

/** What a fork would do with every node, and what that will probably cost. */
export interface ForkPlan {
  parent: string;
  changes: ChangeChange[];
  fork_points: string[];
  nodes: NodePlan[];
  added: string[];
  removed: string[];
  changed: string[];
  certain_cost_usd: number;
  highest_cost_usd: number;
  unpriced: string[];
}

/** One value that was changed, added or removed. */
export interface JsonChange {
  kind: JsonChangeKind;
  path: (string | number)[];
  path_before: (string | number)[];
  before: Json;
  after: Json;
  text: TextDiff | null;
}

/** What became of a value. */
export type JsonChangeKind = "changed" | "added" | "removed";

/** How one JSON value became another. */
export interface JsonDiff {
  changes: JsonChange[];
  is_cut: boolean;
}

/** One task in one run. */
export interface MatrixCell {
  outcome: string;
  status: TaskStatus | null;
  task: string;
}

/** One of the runs; its cost and duration are in it. */
export interface MatrixColumn {
  run: Run;
  change: string;
  different: number;
}

/** One task in all of the runs. */
export interface MatrixRow {
  task: string;
  cells: (MatrixCell | null)[];
}

/** Something about the runs as a whole that is different. */
export interface NamedDiff {
  name: string;
  side: Side;
  value: ValueDiff;
}

/** What happens to one node. */
export interface NodePlan {
  node: string;
  decision: Decision;
  why: string;
  tasks: number;
  cost_usd: number | null;
}

/** One output of a task that came out otherwise. */
export interface OutputDiff {
  output: string;
  side: Side;
  before_id: string | null;
  after_id: string | null;
  value: ValueDiff | null;
}

/** One thing that a task's outcome depends on and that was different. */
export interface PartDiff {
  name: string;
  aspect: Aspect;
  side: Side;
  is_own: boolean;
  variables: string[];
  value: ValueDiff | null;
}

export type Piece = [Text_diffChange, string];

/** How two runs differ: the first causes, what follows from them, and every task. */
export interface RunDiff {
  before: Run;
  after: Run;
  is_equal: boolean;
  is_same_workflow: boolean;
  causes: Cause[];
  tasks: TaskDiff[];
  variables: NamedDiff[];
  versions: NamedDiff[];
  budget: NamedDiff | null;
  workflow: TextDiff | null;
  is_cut: boolean;
  damage: Damage[];
}

/** Runs beside each other: rows are tasks, columns runs. */
export interface RunMatrix {
  columns: MatrixColumn[];
  rows: MatrixRow[];
  damage: Damage[];
}

/** In which of the two runs something is. */
export type Side = "both" | "before" | "after";

/** One task of the two runs. */
export interface TaskDiff {
  task: string;
  state: TaskState;
  before: TaskSide | null;
  after: TaskSide | null;
  matched_by: ModelLikeness;
  aspects: Aspect[];
  parts: PartDiff[];
  outputs: OutputDiff[];
  error: ValueDiff | null;
  messages: ValueDiff | null;
  variables: string[];
  causes: CauseKind[];
  follows_from: string[];
}

/** How a task went in one of the two runs. */
export interface TaskSide {
  task: string;
  agent: string;
  status: TaskStatus | null;
  skip_reason: SkipReason | null;
  blocked_by: string | null;
  error: ErrorInfo | null;
  attempts: number;
  duration_ms: number;
  spend: Spend | null;
  reused_from: string | null;
  is_edited: boolean;
}

/** How the two sides of a task compare. */
export type TaskState = "equal" | "unaffected" | "different" | "added" | "removed";

/** Two texts as one: the pieces that are not inserted make the first, those that are not deleted the second. */
export interface TextDiff {
  pieces: Piece[];
  deleted: number;
  inserted: number;
  skipped: number;
  left_out: number;
  is_cut: boolean;
}

/** How two values differ: texts word by word, all else by its structure. */
export interface ValueDiff {
  text: TextDiff | null;
  json_value: JsonDiff | null;
  before: Json;
  after: Json;
  is_cut: boolean;
}

/** By what the two sides of a task were found to belong together. */
export type ModelLikeness = "name" | "item" | "key" | "place";

/** What became of a piece of text. */
export type Text_diffChange = "same" | "deleted" | "inserted";
