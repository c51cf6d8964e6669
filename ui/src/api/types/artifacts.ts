// Written by scripts/write_types.py from the models; not by hand.

import type { Damage, Run, RunArtifact, TaskStatus } from "./runs";

/** Where an artifact comes from and where it went. */
export interface ArtifactLineage {
  run: Run;
  artifact: string;
  nodes: LineageNode[];
  links: LineageLink[];
  cut: string[];
  damage: Damage[];
}

/** The artifacts of a run. */
export interface ArtifactList {
  run: Run;
  artifacts: RunArtifact[];
  damage: Damage[];
}

/** What sort of thing an artifact was made from, or became. */
export type LineageKind = "artifact" | "input" | "value" | "prompt" | "task";

/** That one thing was made from another. */
export interface LineageLink {
  before: string;
  after: string;
  kind: LinkKind;
}

/** One thing in a lineage. */
export interface LineageNode {
  id: string;
  kind: LineageKind;
  name: string;
  run_id: string;
  task: string;
  agent: string;
  attempt: number;
  size: number;
  is_edited: boolean;
  status: TaskStatus | null;
  also_in: string[];
  damage: string | null;
}

/** In which way something was made from something else. */
export type LinkKind = "data" | "condition" | "order" | "item" | "edit";
