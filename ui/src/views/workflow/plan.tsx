import { useEffect, useRef, useState } from "react";
import type { NodePreview, RunPreview } from "../../api/types";
import { dollars, NOTHING, plural } from "../../lib/format";

const MOST = 60;

/** What a run would do, before it does anything: what is missing, the nodes in waves, whom they ask, what that costs. */
export function Plan({ plan, isCurrent }: { plan: RunPreview; isCurrent: boolean }) {
  const [isAll, setAll] = useState(false);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    void box.current?.scrollIntoView({ block: "nearest" });
  }, [plan]);
  const shown = isAll ? plan.nodes : plan.nodes.slice(0, MOST);
  const hasCosts = plan.nodes.some((node) => node.price !== "" || node.cost_usd !== 0);
  return (
    <section ref={box} className={`plan ${isCurrent ? "" : "old"}`} aria-label="Plan">
      <h2>The plan {!isCurrent && <span className="tag warn">of what it was before the last change</span>}</h2>
      {plan.missing.length > 0 && (
        <div className="note bad" role="alert">
          <p className="fault-title">{plural(plan.missing.length, "thing")} missing</p>
          <ul>
            {plan.missing.map((one, index) => <li key={index}>{one.message}</li>)}
          </ul>
        </div>
      )}
      <p>
        {plural(plan.nodes.length, "node")} in {plural(plan.waves, "wave")}{costSaid(plan)}.
        {plan.budget !== null && <> No more than {dollars(plan.budget.max_cost)} may be spent.</>}
      </p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Nodes of the plan">
        <table className="grid wide">
          <thead>
            <tr>
              <th scope="col" className="number">wave</th><th scope="col">node</th><th scope="col">agent</th><th scope="col">after</th>
              {hasCosts && <><th scope="col">price</th><th scope="col" className="number">probably</th></>}
            </tr>
          </thead>
          <tbody>
            {shown.map((node, index) => (
              <tr key={node.node} className={shown[index - 1]?.wave === node.wave ? "" : "wave-start"}>
                <td className="number">{node.wave}</td>
                <td><span className="plan-node">{node.node}</span>{node.foreach !== null && <span className="faint"> for each of {node.foreach}{itemsBefore(node)}</span>}</td>
                <td className="plan-agent">{node.agent}</td>
                <td>
                  {node.after.length === 0 ? NOTHING : node.after.join(", ")}
                  {node.when !== null && <div className="faint">when {node.when}</div>}
                </td>
                {hasCosts && <><td className="faint">{node.price === "" ? NOTHING : node.price}</td><td className="number">{node.cost_usd === null ? "unknown" : node.cost_usd === 0 ? NOTHING : dollars(node.cost_usd)}</td></>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shown.length < plan.nodes.length && <button type="button" className="button small" onClick={() => setAll(true)}>Show all {plan.nodes.length} nodes</button>}
    </section>
  );
}

/** The node itself is a task besides its items. */
function itemsBefore(node: NodePreview): string {
  return node.tasks === null || node.tasks < 2 ? "" : `, ${plural(node.tasks - 1, "item")} before`;
}

function costSaid(plan: RunPreview): string {
  const priced = plan.nodes.length - plan.unpriced.length;
  if (plan.unpriced.length === 0 && plan.probable_cost_usd === 0) return "; nothing of it is known to cost anything";
  const from = plan.known_from.length > 0 ? `, by ${plan.known_from.length === 1 ? "the run" : `the ${plan.known_from.length} runs`} before` : "";
  const unknown = plan.unpriced.length > 0 ? `${plural(plan.unpriced.length, "node")} of unknown cost` : "";
  if (plan.probable_cost_usd === 0) return priced === 0 || unknown !== "" ? `; ${unknown}` : "";
  return `; probably ${dollars(plan.probable_cost_usd)}${from}${unknown === "" ? "" : `, and ${unknown}`}`;
}
