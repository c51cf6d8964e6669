import type { Given, TaskDetail } from "../../../api/types";
import { inLine } from "../../../lib/format";
import { JsonTree } from "../../../parts/json_tree";
import { Empty } from "../../../parts/states";
import { Value } from "../../../parts/value";

/** What the task was given: its condition, its inputs, and what the workflow says about its agent. */
export function InputPanel({ detail }: { detail: TaskDetail }) {
  const { condition, held, inputs, settings } = detail;
  if (condition === null && inputs.length === 0 && settings.length === 0) return <Empty title="It was given nothing" />;
  return (
    <div className="givens">
      {condition !== null && (
        <section>
          <h3>
            Condition <span className={`tag ${held === null ? "" : held ? "good" : "warn"}`}>{held === null ? "not asked" : held ? "true" : "false"}</span>
          </h3>
          <pre tabIndex={0} aria-label="condition">{condition.text}</pre>
          <JsonTree value={condition.values} label="values in the condition" />
        </section>
      )}
      {inputs.map((given) => <GivenPart key={`input ${given.name}`} given={given} />)}
      {settings.length > 0 && <h3 className="givens-title">What the workflow says about its agent</h3>}
      {settings.map((given) => <GivenPart key={`setting ${given.name}`} given={given} />)}
    </div>
  );
}

function GivenPart({ given }: { given: Given }) {
  const written = inLine(given.written);
  const isOther = given.written !== null && written !== inLine(given.value);
  return (
    <section className="given">
      <h3>
        <code>{given.name}</code>
        {isOther && <code className="faint written">{written.slice(0, 200)}</code>}
        {given.is_implied && <span className="tag">implied</span>}
        {!given.is_readable && <span className="tag bad">cannot be read any more</span>}
      </h3>
      <Value value={given.value} label={given.name} />
    </section>
  );
}
