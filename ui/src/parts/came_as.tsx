import type { Run } from "../api/types";
import { cameAs } from "../lib/run";

/** Says of a run that it was imported. */
export function CameAs({ run }: { run: Run }) {
  const found = cameAs(run);
  if (found === null) return null;
  return (
    <span className="tag imported" title={found.title}>
      {found.word}
    </span>
  );
}
