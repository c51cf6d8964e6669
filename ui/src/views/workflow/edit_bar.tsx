import { type FormEvent, useId, useState } from "react";
import type { GraphEdge, TextGraph } from "../../api/types";
import { Icon } from "../../parts/icon";
import type { Editing } from "./use_editing";

interface BarProps {
  graph: TextGraph | null;
  chosen: string | null;
  editing: Editing;
}

/** What can be done to the graph without drawing in it: by keyboard, by touch, or since it says what it does. */
export function EditBar({ graph, chosen, editing }: BarProps) {
  const nodes = graph?.nodes ?? [];
  const isKnown = nodes.some((node) => node.id === chosen);
  const { chosenEdge, said, kind } = editing;
  const edge = graph?.edges.find((one) => one.before === chosenEdge?.before && one.after === chosenEdge.after);
  return (
    <div className="edit-bar">
      {edge !== undefined ? (
        <EdgeRow edge={edge} editing={editing} />
      ) : chosen !== null && isKnown && graph !== null ? (
        <NodeRow key={chosen} graph={graph} node={chosen} editing={editing} />
      ) : (
        <AddRow agents={[...new Set(nodes.map((node) => node.agent))]} editing={editing} />
      )}
      {edge === undefined && nodes.length > 1 && (
        <div className="edit-how">
          <label className="check">
            <input type="checkbox" checked={kind === "gives"} onChange={(event) => editing.setKind(event.target.checked ? "gives" : "order")} />
            <span>New connections pass on what was made</span>
          </label>
          {!isKnown && <span className="faint">Draw from a node's edge to another node, or choose a node or a connection.</span>}
        </div>
      )}
      <div role="status" className="edit-said">
        {said !== null && said.isFault && <span className="bad-text">{said.text}</span>}
        {said !== null && !said.isFault && <span className="faint">{said.text}</span>}
        {said !== null && !said.isFault && <button type="button" className="link" onClick={editing.undo}>Undo</button>}
      </div>
    </div>
  );
}

function AddRow({ agents, editing }: { agents: string[]; editing: Editing }) {
  const [name, setName] = useState("");
  const [agent, setAgent] = useState("local://echo");
  const list = useId();
  function add(event: FormEvent): void {
    event.preventDefault();
    if (editing.add(name.trim(), agent.trim())) setName("");
  }
  return (
    <form className="row" onSubmit={add}>
      <input aria-label="Name of the new node" placeholder="new node" value={name} required onChange={(event) => setName(event.target.value)} />
      <input aria-label="Agent of the new node" list={list} value={agent} required onChange={(event) => setAgent(event.target.value)} />
      <datalist id={list}>{agents.map((one) => <option key={one} value={one} />)}</datalist>
      <button type="submit" className="button"><Icon name="plus" size={14} /> Add node</button>
    </form>
  );
}

function NodeRow({ graph, node, editing }: { graph: TextGraph; node: string; editing: Editing }) {
  const [other, setOther] = useState("");
  const before = graph.edges.filter((edge) => edge.after === node).map((edge) => edge.before);
  const free = graph.nodes.map((one) => one.id).filter((id) => id !== node && editing.canConnect(id, node));
  function connect(event: FormEvent): void {
    event.preventDefault();
    if (editing.connect(other, node)) setOther("");
  }
  return (
    <>
      <div className="row edit-chosen">
        <code className="edit-name">{node}</code>
        <span className="faint">{before.length === 0 ? "comes first" : "comes after"}</span>
        {before.map((id) => (
          <span key={id} className="edit-chip">
            <code>{id}</code>
            <button type="button" className="icon-button" aria-label={`Remove the connection from ${id}`} title={`Remove the connection from ${id}`} onClick={() => editing.disconnect(id, node)}>
              <Icon name="cross" size={12} />
            </button>
          </span>
        ))}
        <span className="edit-end">
          <button type="button" className="button small danger" onClick={() => editing.remove(node)}>Remove node</button>
          <button type="button" className="icon-button" aria-label="Choose nothing" title="Choose nothing" onClick={editing.chooseNothing}><Icon name="cross" size={14} /></button>
        </span>
      </div>
      <form className="row" onSubmit={connect}>
        <select aria-label={`What ${node} comes after`} value={other} required onChange={(event) => setOther(event.target.value)}>
          <option value="">{free.length === 0 ? "there is no other node before it" : "connect it after…"}</option>
          {free.map((id) => <option key={id} value={id}>{id}</option>)}
        </select>
        <button type="submit" className="button" disabled={free.length === 0}>Connect</button>
      </form>
    </>
  );
}

const KINDS = { data: "gives", condition: "decides whether", order: "only comes before" } as const;

function EdgeRow({ edge, editing }: { edge: GraphEdge; editing: Editing }) {
  return (
    <div className="row edit-chosen">
      <code className="edit-name">{edge.before}</code>
      <span className="faint">{edge.kinds.map((kind) => KINDS[kind]).join(", ")}</span>
      <code className="edit-name">{edge.after}</code>
      {edge.references.slice(0, 3).map((one) => <code key={one} className="faint edit-reference">{one}</code>)}
      <span className="edit-end">
        <button type="button" className="button small danger" onClick={() => editing.disconnect(edge.before, edge.after)}>Remove connection</button>
        <button type="button" className="icon-button" aria-label="Choose nothing" title="Choose nothing" onClick={editing.chooseNothing}><Icon name="cross" size={14} /></button>
      </span>
    </div>
  );
}
