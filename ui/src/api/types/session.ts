// Written by scripts/write_types.py from the models; not by hand.

import type { Question } from "./runs";

/** What server this is. */
export interface ServerSession {
  read_only: boolean;
  version: string;
  folder: string;
  workflows_folder: string;
}

/** A question that was answered. */
export interface Settled {
  question: Question;
  goes_on: boolean;
}
