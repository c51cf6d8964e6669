import { useState } from "react";
import { apiPath } from "../../../api/client";
import type { ArtifactLineage, LineageNode, Run, TaskDetail } from "../../../api/types";
import { useGet } from "../../../api/use";
import { bytes, plural } from "../../../lib/format";
import { href } from "../../../lib/router";
import { Damaged, Empty, Fault, Loading } from "../../../parts/states";

const MOST = 60;

interface LineageProps {
  run: Run;
  detail: TaskDetail;
  choose: (task: string) => void;
  /** Whether a task of this run had settled at the moment that is looked at. */
  isThen: (task: string) => boolean;
}

/** What an output was made from, up to the inputs of the workflow, and what became of it. */
export function LineagePanel({ run, detail, choose, isThen }: LineageProps) {
  const [chosen, setChosen] = useState(detail.outputs[0]?.artifact.id ?? null);
  const lineage = useGet<ArtifactLineage>(chosen === null ? null : apiPath(["runs", run.id, "lineage"], { artifact: chosen }));
  if (chosen === null) return <Empty title="It has made nothing whose lineage there could be" />;
  return (
    <div>
      {detail.outputs.length > 1 && (
        <label>
          <span className="label">Output</span>
          <select value={chosen} onChange={(event) => setChosen(event.target.value)}>
            {detail.outputs.map(({ artifact }) => <option key={artifact.id} value={artifact.id}>{artifact.output}</option>)}
          </select>
        </label>
      )}
      {lineage.error !== null && <Fault error={lineage.error} retry={lineage.reload} />}
      {lineage.isLoading && <Loading what="Following it" />}
      {lineage.data !== null && (
        <>
          <Damaged damage={lineage.data.damage} />
          <h3>Made from</h3>
          <Steps lineage={lineage.data} isUp run={run} choose={choose} isThen={isThen} />
          <h3 className="lineage-self">This output</h3>
          <h3>Went into</h3>
          <Steps lineage={lineage.data} isUp={false} run={run} choose={choose} isThen={isThen} />
          {lineage.data.cut.length > 0 && <p className="faint">It goes on behind {plural(lineage.data.cut.length, "of these", "of these")}.</p>}
        </>
      )}
    </div>
  );
}

/** Each thing once, where it is met first, as far from the output as it is. */
function Steps({ lineage, isUp, run, choose, isThen }: { lineage: ArtifactLineage; isUp: boolean } & Pick<LineageProps, "run" | "choose" | "isThen">) {
  const [most, setMost] = useState(MOST);
  const nodes = new Map(lineage.nodes.map((node) => [node.id, node]));
  const next = new Map<string, { id: string; kind: string }[]>();
  for (const link of lineage.links) {
    const [from, to] = isUp ? [link.after, link.before] : [link.before, link.after];
    next.set(from, [...(next.get(from) ?? []), { id: to, kind: link.kind }]);
  }
  const found: { node: LineageNode; depth: number; kind: string }[] = [];
  const seen = new Set([lineage.artifact]);
  let level = [lineage.artifact];
  for (let depth = 1; level.length > 0; depth += 1) {
    const after: string[] = [];
    for (const id of level) {
      for (const one of next.get(id) ?? []) {
        const node = nodes.get(one.id);
        if (node === undefined || seen.has(one.id) || (node.run_id === run.id && node.task !== "" && !isThen(node.task))) continue;
        seen.add(one.id);
        found.push({ node, depth, kind: one.kind });
        after.push(one.id);
      }
    }
    level = after;
  }
  if (found.length === 0) return <p className="faint">{isUp ? "It was made from nothing else." : "Nothing was made from it."}</p>;
  return (
    <>
      <ul className="plain lineage">
        {found.slice(0, most).map(({ node, depth, kind }) => (
          <li key={node.id} data-depth={Math.min(depth, 6)}>
            <span className="tag">{node.kind}</span>
            {node.task !== "" && node.run_id === run.id ? (
              <button type="button" className="link" onClick={() => choose(node.task)}>{node.name}</button>
            ) : node.task !== "" ? (
              <a href={href(["runs", node.run_id], { task: node.task })}>{node.name} of {node.run_id}</a>
            ) : (
              <code>{node.name}</code>
            )}
            {node.size > 0 && <span className="faint">{bytes(node.size)}</span>}
            {kind !== "data" && <span className="faint">by {kind}</span>}
            {node.is_edited && <span className="tag warn">edited</span>}
            {node.damage !== null && <span className="tag bad">{node.damage}</span>}
          </li>
        ))}
      </ul>
      {found.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 400)}>Show more of {plural(found.length, "step")}</button>
      )}
    </>
  );
}
