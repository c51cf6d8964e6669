import { useState } from "react";
import type { AttemptDetail, CallDetail, Run, Said, TaskDetail } from "../../../api/types";
import { bytes, count, dollars, duration, inLines, plural, words } from "../../../lib/format";
import { LongText } from "../../../parts/long_text";
import { Empty } from "../../../parts/states";
import { Status } from "../../../parts/status";
import { Time } from "../../../parts/time";
import { TaskLinks } from "../overview";

const MOST_CALLS = 50;

interface AttemptsProps {
  run: Run;
  detail: TaskDetail;
  at: number | null;
  choose: (task: string) => void;
}

/** Every attempt: how it ended and why, and all that it exchanged with the outside. */
export function AttemptsPanel({ run, detail, at, choose }: AttemptsProps) {
  const start = new Date(run.started_at).getTime();
  const isOwn = detail.executed_run === run.id;
  const shown = detail.attempts.filter(({ record }) => at === null || !isOwn || record.started_at === null || new Date(record.started_at).getTime() <= start + at);
  if (shown.length === 0) {
    const skipped = detail.record?.skip_reason ?? null;
    return (
      <Empty title={at !== null ? "It had not begun at this moment" : "There is no attempt"}>
        {skipped !== null && `It was skipped: ${skipped === "blocked" ? `${detail.record?.blocked_by ?? "something"} failed` : words(skipped)}.`}
      </Empty>
    );
  }
  return (
    <div>
      {shown.map((attempt) => <Attempt key={attempt.record.attempt} attempt={attempt} isLast={attempt === detail.attempts[detail.attempts.length - 1]} />)}
      {detail.blocked.length > 0 && (
        <>
          <h3>It blocked</h3>
          <TaskLinks tasks={detail.blocked} choose={choose} />
        </>
      )}
    </div>
  );
}

function Attempt({ attempt, isLast }: { attempt: AttemptDetail; isLast: boolean }) {
  const { record, failure, calls } = attempt;
  const [most, setMost] = useState(MOST_CALLS);
  return (
    <section className="attempt">
      <h3 className="attempt-title">
        Attempt {record.attempt} <Status status={record.status} /> <span className="faint">{duration(record.duration_ms)}</span>
        {record.started_at !== null && <span className="faint attempt-when"><Time at={record.started_at} /></span>}
      </h3>
      {record.error !== null && (
        <div className="note bad">
          <p>
            {failure !== null && <span className="tag bad">{words(failure.kind)}</span>} <span className="strong">{record.error.type}</span>
          </p>
          <LongText text={record.error.message} label="error" mono={false} />
          {isLast && failure !== null && failure.advice !== "" && <p>{failure.advice}</p>}
          {record.error.host !== null && <p className="faint">{record.error.host}{record.error.status !== null && ` answered ${record.error.status}`}</p>}
          {record.error.body !== null && <LongText text={record.error.body} label="what the other side said" />}
          {record.error.traceback !== null && (
            <details>
              <summary>Traceback</summary>
              <LongText text={record.error.traceback} label="traceback" />
            </details>
          )}
        </div>
      )}
      {record.retry_in_ms !== null && <p className="faint">Tried again {duration(record.retry_in_ms)} later.</p>}
      {calls.length > 0 && (
        <ul className="plain calls" aria-label="Exchanges">
          {calls.slice(0, most).map((one) => <Exchange key={one.call.number} detail={one} />)}
        </ul>
      )}
      {calls.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 500)}>
          Show more of {plural(calls.length, "exchange")}
        </button>
      )}
    </section>
  );
}

function Exchange({ detail }: { detail: CallDetail }) {
  const { call } = detail;
  const usage = call.usage;
  return (
    <li data-nested={call.parent !== null || undefined}>
      <details className="call">
        <summary>
          <span className={`tag ${call.error !== null ? "bad" : ""}`}>{call.kind}</span>
          <code className="call-target">{call.target}</code>
          {call.status !== null && <span className={call.status >= 400 ? "bad-text" : "faint"}>{call.status}</span>}
          <span className="faint number">{duration(call.duration_ms)}</span>
          {usage !== null && <span className="faint number">{count(usage.input_tokens ?? 0)} → {count(usage.output_tokens ?? 0)}</span>}
          {call.cost_usd !== null && <span className="faint number">{dollars(call.cost_usd)}</span>}
        </summary>
        {call.error !== null && <p className="error-text bad-text">{call.error}</p>}
        <SaidPart title="sent" said={detail.request} />
        <SaidPart title="came back" said={detail.response} />
      </details>
    </li>
  );
}

function SaidPart({ title, said }: { title: string; said: Said | null }) {
  if (said === null) return <p className="faint">nothing {title}</p>;
  const text = said.text === null ? null : said.value === null ? said.text : inLines(said.value);
  return (
    <div>
      <p className="label">{title}, {bytes(said.size)} {said.media_type}</p>
      {text === null ? <p className="faint">It is no text.</p> : <LongText text={text} label={title} />}
    </div>
  );
}
