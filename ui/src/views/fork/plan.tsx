import { useEffect, useRef, useState } from "react";
import type { Decision, ForkPlan } from "../../api/types";
import { dollars, NOTHING, plural } from "../../lib/format";

const TITLES: Record<Decision, { title: string; tone: string }> = {
  run: { title: "runs", tone: "busy" },
  may_run: { title: "may run", tone: "warn" },
  edited: { title: "edited", tone: "asks" },
  reused: { title: "taken over", tone: "good" },
  left_out: { title: "left out", tone: "" },
};
const MOST = 60;

/** What a fork would do with every node, and what that will probably cost. */
export function PlanShown({ plan, isCurrent }: { plan: ForkPlan; isCurrent: boolean }) {
  const [isAll, setAll] = useState(false);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    void box.current?.scrollIntoView({ block: "nearest" });
  }, [plan]);
  const runs = plan.nodes.filter((node) => node.decision === "run" || node.decision === "may_run");
  const shown = isAll ? plan.nodes : plan.nodes.slice(0, MOST);
  const cost = plan.highest_cost_usd > plan.certain_cost_usd ? `${dollars(plan.certain_cost_usd)} to ${dollars(plan.highest_cost_usd)}` : dollars(plan.certain_cost_usd);
  return (
    <section ref={box} className={`plan ${isCurrent ? "" : "old"}`} aria-label="Plan">
      <h3>The plan {!isCurrent && <span className="tag warn">of what it was before the last change</span>}</h3>
      <p>
        {runs.length} of {plural(plan.nodes.length, "node")} {saidOf(runs)}; probably {cost}
        {plan.unpriced.length > 0 && <span className="faint">, without {plan.unpriced.join(", ")}, whose cost is unknown</span>}.
      </p>
      <div className="scroll" tabIndex={0} role="region" aria-label="Nodes of the plan">
        <table className="grid wide">
          <thead>
            <tr><th scope="col">node</th><th scope="col">what happens</th><th scope="col">why</th><th scope="col" className="number">cost</th></tr>
          </thead>
          <tbody>
            {shown.map((node) => (
              <tr key={node.node}>
                <td>{node.node}{node.tasks > 1 && <span className="faint"> ×{node.tasks - 1}</span>}</td>
                <td><span className={`tag ${TITLES[node.decision].tone}`}>{TITLES[node.decision].title}</span></td>
                <td>{node.why}</td>
                <td className="number">{node.decision === "run" || node.decision === "may_run" ? (node.cost_usd === null ? "unknown" : dollars(node.cost_usd)) : NOTHING}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {!isAll && plan.nodes.length > MOST && <button type="button" className="button small" onClick={() => setAll(true)}>Show all {plan.nodes.length} nodes</button>}
    </section>
  );
}

function saidOf(runs: readonly { decision: Decision }[]): string {
  if (runs.every((node) => node.decision === "run")) return runs.length === 1 ? "runs" : "run";
  return runs.every((node) => node.decision === "may_run") ? "may run" : "will run or may";
}
