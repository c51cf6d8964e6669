import { useMemo, useState } from "react";
import type { GroupedGraph } from "../../api/types";
import { plural } from "../../lib/format";
import { Empty } from "../../parts/states";
import { Status } from "../../parts/status";
import { folded, isGroup } from "./graph/fold";
import type { Standing } from "./moment";

const PAGE = 100;

interface GroupProps {
  graph: GroupedGraph;
  group: string;
  standing: ReadonlyMap<string, Standing>;
  choose: (task: string) => void;
}

/** The nodes that one part of a folded graph stands for. */
export function GroupPanel({ graph, group, standing, choose }: GroupProps) {
  const [most, setMost] = useState(PAGE);
  const [text, setText] = useState("");
  const found = useMemo(() => folded(graph).parts.filter(isGroup).find((part) => part.id === group), [graph, group]);
  if (found === undefined) return <Empty title="There is no such group in this run" />;
  const shown = found.nodes.filter((node) => node.id.includes(text) || (standing.get(node.id)?.status ?? "").includes(text));
  return (
    <div className="panel-body">
      <h2>{plural(found.nodes.length, "node")} {found.is_alike ? "alike" : "as one"}</h2>
      {found.is_alike ? (
        <p className="faint">
          All of them use <code>{found.agent}</code>, come after the same nodes and before the same.
        </p>
      ) : (
        <p className="faint">The whole graph is too large to be drawn: what stands in the same place of its order is one here.</p>
      )}
      <label>
        <span className="label">Name or state</span>
        <input value={text} onChange={(event) => setText(event.target.value)} placeholder="failed" />
      </label>
      <ul className="plain task-list">
        {shown.slice(0, most).map((node) => (
          <li key={node.id}>
            <button type="button" onClick={() => choose(node.id)}>
              <Status status={standing.get(node.id)?.status ?? null} />
              <span className="task-list-name">{node.id}</span>
            </button>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="faint">None of them is like that.</p>}
      {shown.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 5 * PAGE)}>
          Show more of {plural(shown.length, "node")}
        </button>
      )}
    </div>
  );
}
