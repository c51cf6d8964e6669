import { go, href } from "../../lib/router";
import { allowsHours, type Asked, FIGURES, type Figure, type Group, GROUPS, SPANS, WINDOWS } from "./asked";

const TITLES: Record<Group, string> = { workflow: "Workflows", node: "Nodes", model: "Models" };

export function addressOf(asked: Asked): string {
  const { group, workflow, days, by, figure } = asked;
  return href(["health"], { group: group === "workflow" ? null : group, workflow, days: days === 30 ? null : days, by, figure: figure === "cost" ? null : figure });
}

/** What the figures are of, and of which time. */
export function Choosers({ asked, workflows }: { asked: Asked; workflows: readonly string[] }) {
  const ask = (changes: Partial<Asked>): void => go(addressOf({ ...asked, ...changes }));
  const names = asked.workflow === null || workflows.includes(asked.workflow) ? workflows : [asked.workflow, ...workflows];
  return (
    <div className="choosers">
      <div className="segments" role="group" aria-label="By what">
        {GROUPS.map((group) => (
          <button key={group} type="button" aria-pressed={group === asked.group} onClick={() => ask({ group })}>{TITLES[group]}</button>
        ))}
      </div>
      <label className="chooser">
        <span className="faint">of</span>
        <select value={asked.workflow ?? ""} aria-label="Of which workflow" onChange={(event) => ask({ workflow: event.target.value || null })}>
          {asked.group !== "node" && <option value="">all workflows</option>}
          {names.map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      </label>
      <label className="chooser">
        <span className="faint">in</span>
        <select value={asked.days} aria-label="In which time" onChange={(event) => {
          const days = Number(event.target.value);
          ask({ days, by: asked.by === "hour" && !allowsHours(days) ? null : asked.by });
        }}>
          {WINDOWS.map((one) => <option key={one.days} value={one.days}>{one.title}</option>)}
        </select>
      </label>
      <label className="chooser">
        <span className="faint">by</span>
        <select value={asked.by ?? ""} aria-label="How long a part of the time is" onChange={(event) => ask({ by: event.target.value || null })}>
          <option value="">what fits</option>
          {SPANS.map((span) => <option key={span} value={span} disabled={span === "hour" && !allowsHours(asked.days)}>{span}</option>)}
        </select>
      </label>
    </div>
  );
}

/** Which figure is drawn. */
export function FigureChooser({ asked, counted }: { asked: Asked; counted: string }) {
  const titles: Record<Figure, string> = { cost: "cost", tokens: "tokens", count: `${counted}s`, failed: "failed" };
  return (
    <div className="segments" role="group" aria-label="What is drawn">
      {FIGURES.map((figure) => (
        <button key={figure} type="button" aria-pressed={figure === asked.figure} onClick={() => go(addressOf({ ...asked, figure }))}>{titles[figure]}</button>
      ))}
    </div>
  );
}
