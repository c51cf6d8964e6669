import { type FormEvent, useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { WorkflowText } from "../../api/types";
import { go, href } from "../../lib/router";
import { Icon } from "../../parts/icon";
import { Fault } from "../../parts/states";

/** Begins a workflow file, with one node that gives back what it is given. */
export function NewFile() {
  const [said, setSaid] = useState("");
  const [fault, setFault] = useState<ApiError | null>(null);
  async function begin(event: FormEvent): Promise<void> {
    event.preventDefault();
    const name = said.trim().replace(/\.yaml$/, "");
    const text = `name: ${JSON.stringify(name)}\nnodes:\n  first:\n    agent: local://echo\n    inputs: {text: hello}\n`;
    setFault(null);
    try {
      const written = await send<WorkflowText>("PUT", apiPath(["workflows", `${name}.yaml`]), { text }, { "If-None-Match": "*" });
      go(href(["workflows", written.name]));
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(0, String(error)));
    }
  }
  return (
    <>
      <form className="row new-file" onSubmit={(event) => void begin(event)}>
        <input aria-label="Name of the new workflow" placeholder="new workflow" value={said} required maxLength={60} onChange={(event) => setSaid(event.target.value)} />
        <button type="submit" className="button"><Icon name="plus" size={14} /> Begin</button>
      </form>
      {fault !== null && <Fault error={fault} />}
    </>
  );
}
