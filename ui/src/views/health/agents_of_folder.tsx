import { useState } from "react";
import type { WorkflowFiles } from "../../api/types";
import { useGet } from "../../api/use";
import { Fault, Loading } from "../../parts/states";
import { Agents } from "./agents";

/** How the agents of one of the folder's workflows are. */
export function AgentsOfFolder() {
  const files = useGet<WorkflowFiles>("/api/workflows");
  const [chosen, setChosen] = useState<string | null>(null);
  if (files.error !== null) return <Fault error={files.error} retry={files.reload} />;
  if (files.data === null) return <Loading what="Reading the folder" />;
  const names = files.data.workflows.map((file) => file.name);
  if (names.length === 0) return <p className="faint">There is no workflow file in the folder {files.data.folder}, so it is not known whom to look at.</p>;
  const name = chosen ?? names[0] ?? "";
  return (
    <>
      <label className="chooser">
        <span className="faint">of</span>
        <select value={name} onChange={(event) => setChosen(event.target.value)} aria-label="Workflow file">
          {names.map((one) => <option key={one} value={one}>{one}</option>)}
        </select>
      </label>
      <Agents key={name} workflow={name} />
    </>
  );
}
