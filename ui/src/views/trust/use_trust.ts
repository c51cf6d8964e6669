import { useState } from "react";
import { apiPath } from "../../api/client";
import type { Run, TrustReport } from "../../api/types";
import { type Fetched, useGet } from "../../api/use";

/** The runs that somebody has said to trust since the page was opened. */
const trusted = new Set<string>();

export interface Trust {
  report: Fetched<TrustReport>;
  /** Whether it has to be asked first. */
  isNeeded: boolean;
  isTrusted: boolean;
  give: () => void;
}

/** Whether somebody trusts *run*, which matters only where it was imported. */
export function useTrust(run: Run): Trust {
  const report = useGet<TrustReport>(run.is_imported ? apiPath(["runs", run.id, "trust"]) : null);
  const [, setTurn] = useState(0);
  const isTrusted = trusted.has(run.id);
  return {
    report,
    isTrusted,
    isNeeded: run.is_imported && !isTrusted && report.data?.is_needed !== false,
    give: () => {
      trusted.add(run.id);
      setTurn((turn) => turn + 1);
    },
  };
}
