import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import type { GraphNode, TaskStatus } from "../../../api/types";
import { count, duration, plural } from "../../../lib/format";
import { GRAVEST_FIRST, toneOf, wordOf } from "../../../lib/status";
import { Icon } from "../../../parts/icon";
import type { Standing } from "../moment";
import { isGroup, type NodeGroup, type Part } from "./fold";

interface CardData extends Record<string, unknown> {
  part: Part;
  status: TaskStatus | null;
  about: string;
  counts: Partial<Record<TaskStatus, number>>;
  isChosen: boolean;
  isDown: boolean;
  /** Whether connections can be drawn from it and to it. */
  isEditable: boolean;
  /** Whether it stands in the order of Tab. */
  isCurrent: boolean;
  choose: () => void;
}

export type CardNode = Node<CardData, "card">;

/** A node of the graph, or the group that stands for alike ones. */
export function NodeCard({ data }: NodeProps<CardNode>) {
  const { part, status, about, counts, isChosen, isCurrent, isDown, isEditable, choose } = data;
  const group = isGroup(part);
  const total = Object.values(counts).reduce((sum, one) => sum + one, 0);
  return (
    <>
      <Handle type="target" position={isDown ? Position.Top : Position.Left} isConnectable={isEditable} />
      <button
        type="button"
        className={`card ${toneOf(status)} ${group ? "stack" : ""} nopan`}
        aria-pressed={isChosen}
        tabIndex={isCurrent ? 0 : -1}
        data-part={part.id}
        title={group ? about : `${part.id}: ${about}`}
        onClick={choose}
      >
        <span className="card-name">
          <span className={`dot ${toneOf(status)}`} />
          <span className="card-id">{group ? titleOf(part) : part.id}</span>
          {group && <span className="unseen">, {rangeOf(part)}</span>}
          {status !== null && <span className="unseen">, {wordOf(status)}, </span>}
          {!group && part.is_edited && <span className="card-flag" title="edited">✎</span>}
          {!group && part.reused_from !== null && <Icon name="copy" size={12} />}
        </span>
        <span className="card-about">{about}</span>
        {total > 1 && (
          <span className="card-counts" aria-hidden="true">
            {GRAVEST_FIRST.map((one) => {
              const here = counts[one] ?? 0;
              return here === 0 ? null : <span key={one} className={`bar ${toneOf(one)}`} style={{ flexGrow: here }} />;
            })}
          </span>
        )}
      </button>
      <Handle type="source" position={isDown ? Position.Bottom : Position.Right} isConnectable={isEditable} />
    </>
  );
}

/** Where a part stands, what is said of it, and how many of it stand where. */
export function summaryOf(part: Part, standing: ReadonlyMap<string, Standing>): Pick<CardData, "status" | "about" | "counts"> {
  if (isGroup(part)) {
    const counts: Partial<Record<TaskStatus, number>> = {};
    if (standing.size === 0) return { status: null, about: rangeOf(part), counts };
    for (const node of part.nodes) {
      const status = standing.get(node.id)?.status ?? "waiting";
      counts[status] = (counts[status] ?? 0) + 1;
    }
    return { status: gravest(counts), about: saidOf(counts), counts };
  }
  const here = standing.get(part.id);
  if (here === undefined) return { status: null, about: shortOf(part.agent), counts: {} };
  const status = here?.status ?? null;
  const counts = here?.items ?? {};
  const items = Object.values(counts).reduce((sum, one) => sum + one, 0);
  if (items > 0) return { status, about: `${plural(items, "item")}: ${worstOf(counts)}`, counts };
  if (status === "skipped") return { status, about: skipped(part), counts };
  if (part.reused_from !== null && status !== "waiting") return { status, about: part.is_edited ? "taken over, edited" : "taken over", counts };
  const attempts = here?.attempts ?? 0;
  const isTimed = status !== null && status !== "waiting" && status !== "ready";
  const took = isTimed ? duration(here?.durationMs ?? 0) : wordOf(status);
  if (isTimed && attempts > 1) return { status, about: `${took}, ${attempts} attempts`, counts };
  return { status, about: `${took} · ${shortOf(part.agent)}`, counts };
}

function titleOf({ nodes, agent }: NodeGroup): string {
  return agent === "" ? plural(nodes.length, "node") : `${count(nodes.length)} × ${shortOf(agent)}`;
}

function rangeOf({ id, nodes, is_alike }: NodeGroup): string {
  return is_alike ? `like ${id}` : `${id} … ${nodes.at(-1)?.id ?? id}`;
}

function skipped(part: GraphNode): string {
  if (part.skip_reason === "when") return "skipped: condition not met";
  if (part.skip_reason === "blocked") return `skipped: ${part.blocked_by ?? "something"} failed`;
  return "skipped";
}

function saidOf(counts: Partial<Record<TaskStatus, number>>): string {
  return GRAVEST_FIRST.filter((one) => (counts[one] ?? 0) > 0)
    .map((one) => `${count(counts[one] ?? 0)} ${wordOf(one)}`)
    .join(", ");
}

/** In short, for a line of a card: what went well is not counted where something else is said. */
function worstOf(counts: Partial<Record<TaskStatus, number>>): string {
  const { completed: _, ...others } = counts;
  return saidOf(others) === "" ? saidOf(counts) : saidOf(others);
}

function gravest(counts: Partial<Record<TaskStatus, number>>): TaskStatus | null {
  return GRAVEST_FIRST.find((one) => (counts[one] ?? 0) > 0) ?? null;
}

function shortOf(agent: string): string {
  return agent.replace(/^[a-z0-9+]+:\/\//, "");
}
