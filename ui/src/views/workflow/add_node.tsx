import { type FormEvent, useState } from "react";
import { addNode, connect, EditError } from "./edits";

interface AddProps {
  text: string;
  nodes: readonly string[];
  chosen: string | null;
  change: (text: string) => void;
}

/** Adds a node, or a dependency, by changing the text at that place and nowhere else. */
export function AddNode({ text, nodes, chosen, change }: AddProps) {
  const [name, setName] = useState("");
  const [agent, setAgent] = useState("local://echo");
  const [before, setBefore] = useState("");
  const [fault, setFault] = useState<string | null>(null);
  function attempt(edit: () => string): void {
    try {
      change(edit());
      setFault(null);
      setName("");
      setBefore("");
    } catch (error) {
      setFault(error instanceof EditError ? error.message : String(error));
    }
  }
  function add(event: FormEvent): void {
    event.preventDefault();
    attempt(() => addNode(text, name.trim(), agent.trim()));
  }
  return (
    <div className="add-node">
      <form className="row" onSubmit={add}>
        <input aria-label="Name of the new node" placeholder="new node" value={name} required onChange={(event) => setName(event.target.value)} />
        <input aria-label="Agent of the new node" value={agent} required onChange={(event) => setAgent(event.target.value)} />
        <button type="submit" className="button">Add node</button>
      </form>
      {chosen !== null && nodes.includes(chosen) && (
        <form className="row" onSubmit={(event) => { event.preventDefault(); attempt(() => connect(text, before, chosen)); }}>
          <span><code>{chosen}</code> after</span>
          <select aria-label={`What ${chosen} comes after`} value={before} required onChange={(event) => setBefore(event.target.value)}>
            <option value="">choose a node</option>
            {nodes.filter((node) => node !== chosen).map((node) => <option key={node} value={node}>{node}</option>)}
          </select>
          <button type="submit" className="button">Connect</button>
        </form>
      )}
      {fault !== null && <p className="bad-text" role="alert">{fault}</p>}
    </div>
  );
}
