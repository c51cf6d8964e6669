import { type CSSProperties, useEffect, useMemo, useRef, useState } from "react";
import type { TaskTrace, Trace } from "../../api/types";
import { duration, plural } from "../../lib/format";
import { nodeOf, toneOf, wordOf } from "../../lib/status";
import { Icon } from "../../parts/icon";
import { Empty } from "../../parts/states";
import { standingOf } from "./moment";

const ROW = 28;
const AROUND = 12;

interface TimelineProps {
  trace: Trace;
  span: number;
  at: number | null;
  setAt: (at: number | null) => void;
  chosen: string | null;
  choose: (task: string) => void;
}

interface Row {
  task: TaskTrace;
  isItem: boolean;
}

/** When everything happened. Only the rows that can be seen are there. */
export function Timeline({ trace, span, at, setAt, chosen, choose }: TimelineProps) {
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const box = useRef<HTMLDivElement>(null);
  const chosenNode = chosen === null || chosen === nodeOf(chosen) ? null : nodeOf(chosen);
  const rows = useMemo(() => {
    const found: Row[] = [];
    for (const task of trace.tasks) {
      found.push({ task, isItem: false });
      if (opened.has(task.task) || task.task === chosenNode) task.items.forEach((item) => found.push({ task: item, isItem: true }));
    }
    return found;
  }, [trace.tasks, opened, chosenNode]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(top / ROW) - AROUND);
  const last = Math.min(rows.length, Math.ceil((top + height) / ROW) + AROUND);
  if (trace.tasks.length === 0) return <Empty title="Nothing has started yet" />;
  function toggle(task: string): void {
    setOpened((before) => {
      const after = new Set(before);
      if (!after.delete(task)) after.add(task);
      return after;
    });
  }
  return (
    <div className="timeline">
      <div className="timeline-scale">
        <span className="timeline-title">{plural(trace.tasks.length, "node")}{trace.taken_over > 0 && `, ${trace.taken_over} taken over`}</span>
        <div className="timeline-ruler" onClick={(event) => {
          const at = event.currentTarget.getBoundingClientRect();
          setAt(Math.max(0, Math.min(1, (event.clientX - at.left) / at.width)) * span);
        }}>
          {[0, 0.25, 0.5, 0.75, 1].map((part) => (
            <span key={part} style={{ left: `${part * 100}%` }} data-end={part === 1 || undefined}>{duration(part * span)}</span>
          ))}
        </div>
      </div>
      <div className="timeline-rows" ref={box} onScroll={(event) => setTop(event.currentTarget.scrollTop)} tabIndex={-1}>
        <ul className="plain" aria-label="Tasks by time" style={{ height: rows.length * ROW }}>
          {rows.slice(first, last).map(({ task, isItem }, index) => (
            <li key={task.task} style={{ top: (first + index) * ROW }} className={isItem ? "item" : ""}>
              {task.items.length > 0 ? (
                <button type="button" className="timeline-toggle" aria-expanded={opened.has(task.task) || task.task === chosenNode} aria-label={`Items of ${task.task}`} onClick={() => toggle(task.task)}>
                  <Icon name={opened.has(task.task) || task.task === chosenNode ? "down" : "right"} size={12} />
                </button>
              ) : (
                <span className="timeline-toggle" />
              )}
              <button type="button" className="timeline-row" aria-pressed={task.task === chosen} onClick={() => choose(task.task)}>
                <span className={`dot ${toneOf(standingOf(task, at).status)}`} />
                <span className="timeline-name">{isItem ? task.task.slice(nodeOf(task.task).length) : task.task}</span>
                <span className="unseen">, {wordOf(standingOf(task, at).status)}</span>
                {task.items.length > 0 && <span className="faint">×{task.items.length}</span>}
                <span className="timeline-track">
                  <Bars task={task} span={span} at={at} />
                  {at !== null && <span className="playhead" style={{ left: `${(at / Math.max(span, 0.001)) * 100}%` }} />}
                </span>
                <span className="timeline-took">{tookOf(task, at)}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

function Bars({ task, span, at }: { task: TaskTrace; span: number; at: number | null }) {
  const until = at ?? span;
  const stretches: { from: number; to: number; kind: string }[] = [];
  const isEach = task.items.length > 0;
  const shown = isEach || task.attempts.length > 60 ? [whole(task)] : task.attempts;
  for (const attempt of shown) {
    if (attempt.queued_ms > 0) stretches.push({ from: attempt.start_ms - attempt.queued_ms, to: attempt.start_ms, kind: "queued" });
    const isOpen = attempt.status === "running" || attempt.status === "waiting_for_human";
    const end = isOpen ? span : attempt.start_ms + attempt.duration_ms;
    stretches.push({ from: attempt.start_ms, to: end, kind: end > until ? "busy" : toneOf(attempt.status) });
  }
  const failed = task.items.filter((item) => toneOf(item.status) === "bad").slice(0, 60);
  for (const item of failed) stretches.push({ from: item.start_ms ?? 0, to: (item.start_ms ?? 0) + item.duration_ms, kind: "strip" });
  for (const pause of task.asked) stretches.push({ from: pause.start_ms, to: pause.start_ms + pause.duration_ms, kind: "asks" });
  return stretches
    .filter(({ from }) => from <= until)
    .map(({ from, to, kind }, index) => {
      const left = (Math.max(0, from) / Math.max(span, 0.001)) * 100;
      const width = ((Math.min(to, until) - Math.max(0, from)) / Math.max(span, 0.001)) * 100;
      const style: CSSProperties = { left: `min(${left}%, calc(100% - 3px))`, width: `max(3px, ${Math.max(0, width)}%)` };
      return <span key={index} className={`bar ${kind}`} style={style} />;
    });
}

/** All attempts of the items as one: they overlap, and cannot be told apart. */
function whole(task: TaskTrace): { start_ms: number; duration_ms: number; queued_ms: number; status: TaskTrace["status"] } {
  const starts = task.items.map((item) => item.start_ms).filter((start): start is number => start !== null);
  const start = task.start_ms ?? (starts.length > 0 ? Math.min(...starts) : 0);
  const ends = task.items.map((item) => (item.start_ms ?? 0) + item.duration_ms);
  return { start_ms: start, duration_ms: Math.max(task.duration_ms, ...ends.map((end) => end - start)), queued_ms: 0, status: task.status };
}

function tookOf(task: TaskTrace, at: number | null): string {
  const then = standingOf(task, at);
  if (at !== null && then.status === "waiting") return "";
  if (at !== null && then.status !== task.status) return duration(then.durationMs);
  if (task.reused_from !== null) return "taken over";
  if (task.status === "skipped") return "skipped";
  return task.start_ms === null ? wordOf(task.status) : duration(task.duration_ms);
}
