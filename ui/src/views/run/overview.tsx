import { apiPath } from "../../api/client";
import type { CostReport, CriticalPath, FailureGroup, Run, TimeParts } from "../../api/types";
import { useGet } from "../../api/use";
import { count, duration, plural, spent, visible, words } from "../../lib/format";
import { nodeOf } from "../../lib/status";
import { Copy } from "../../parts/copy";
import { JsonTree } from "../../parts/json_tree";
import { Damaged, Fault, Loading } from "../../parts/states";
import { QuestionForm } from "../gates/question_form";
import { FamilyTree } from "../runs/family_tree";
import type { LiveRun } from "./use_run";

const MOST_TASKS = 12;

/** All about the run as a whole: what became of it and why, what it waits for, what it took and cost. */
export function Overview({ live, choose }: { live: LiveRun; choose: (task: string) => void }) {
  const { data, error, reload } = live.debug;
  if (error !== null && data === null) return <div className="panel-body"><Fault error={error} retry={reload} /></div>;
  if (data === null) return <div className="panel-body"><Loading what="Reading all about the run" /></div>;
  const { run } = data;
  const isOver = run.status !== "running" && run.status !== "waiting";
  return (
    <div className="panel-body">
      <h2>Overview</h2>
      <p className="verdict">{data.verdict}</p>
      {data.questions.map((question) => (
        <QuestionForm key={question.id} question={question} onAnswered={live.reload} />
      ))}
      <Damaged damage={data.damage} />
      {data.causes.length > 0 && (
        <section className="section">
          <h2>What went wrong</h2>
          {data.causes.map((cause) => (
            <CauseOfFailure key={`${cause.node} ${cause.cause}`} cause={cause} choose={choose} />
          ))}
        </section>
      )}
      {Object.keys(run.variables).length > 0 && (
        <section className="section">
          <h2>Inputs</h2>
          <JsonTree value={run.variables} label="inputs of the run" />
        </section>
      )}
      {isOver && <TimeOf run={run} choose={choose} />}
      {run.spend.model_calls > 0 && <CostOf run={run} choose={choose} />}
      <section className="section">
        <h2>Related runs</h2>
        <FamilyTree run={run.id} />
      </section>
      {data.next_steps.length > 0 && (
        <section className="section">
          <h2>In a terminal</h2>
          <ul className="plain steps">
            {data.next_steps.map((step) => (
              <li key={step.command}>
                <span className="step-line">
                  <code>binex {step.command}</code>
                  <Copy text={`binex ${step.command}`} label="Copy the command" />
                </span>
                <span className="faint">{step.purpose}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section className="section">
        <h2>Made with</h2>
        <dl className="facts">
          <dt>Binex</dt>
          <dd>{run.versions.binex}, Python {run.versions.python}</dd>
          {run.versions.git_commit !== null && <><dt>commit</dt><dd><code>{run.versions.git_commit.slice(0, 12)}</code></dd></>}
          <dt>workflow</dt>
          <dd><code>{run.workflow_hash.slice(0, 12)}</code></dd>
          <dt>durability</dt>
          <dd>{run.durability}</dd>
          {run.resumed > 0 && <><dt>resumed</dt><dd>{plural(run.resumed, "time")}</dd></>}
          {run.budget !== null && <><dt>budget</dt><dd>${run.budget.max_cost}, then {words(run.budget.policy)}</dd></>}
        </dl>
      </section>
    </div>
  );
}

export function CauseOfFailure({ cause, choose }: { cause: FailureGroup; choose: (task: string) => void }) {
  const { frame, status, host } = cause.example.evidence;
  return (
    <div className="note bad">
      <p>
        <span className="tag bad">{words(cause.kind)}</span> <span className="strong">{cause.cause}</span>
      </p>
      <TaskLinks tasks={cause.tasks} choose={choose} />
      {!cause.cause.includes(cause.example.evidence.message) && <p className="error-text">{visible(cause.example.evidence.message)}</p>}
      {frame !== null && (
        <pre tabIndex={0} aria-label="where it failed">{`${frame.file}:${frame.line} in ${frame.function}\n    ${frame.code}`}</pre>
      )}
      {host !== null && <p className="faint">{host}{status !== null && ` answered ${status}`}</p>}
      {cause.example.advice && <p>{cause.example.advice}</p>}
      {cause.blocked.length > 0 && (
        <>
          <p className="faint">It blocked</p>
          <TaskLinks tasks={cause.blocked} choose={choose} />
        </>
      )}
    </div>
  );
}

export function TaskLinks({ tasks, choose }: { tasks: readonly string[]; choose: (task: string) => void }) {
  return (
    <p className="task-links">
      {tasks.slice(0, MOST_TASKS).map((task) => (
        <button key={task} type="button" className="link" onClick={() => choose(task)}>
          {task}
        </button>
      ))}
      {tasks.length > MOST_TASKS && <span className="faint">and {count(tasks.length - MOST_TASKS)} more</span>}
    </p>
  );
}

const PARTS: { key: keyof TimeParts; title: string; tone: string }[] = [
  { key: "executed_ms", title: "executing", tone: "good" },
  { key: "queued_ms", title: "queued", tone: "quiet" },
  { key: "retrying_ms", title: "retrying", tone: "bad" },
  { key: "human_ms", title: "waiting for people", tone: "asks" },
  { key: "idle_ms", title: "not running", tone: "warn" },
  { key: "own_ms", title: "Binex itself", tone: "busy" },
];

function TimeOf({ run, choose }: { run: Run; choose: (task: string) => void }) {
  const path = useGet<CriticalPath>(apiPath(["runs", run.id, "critical-path"]));
  if (path.error !== null) return <Fault error={path.error} retry={path.reload} />;
  if (path.data === null || path.data.links.length === 0) return null;
  const { parts, speed_ups, links } = path.data;
  const shown = PARTS.filter(({ key }) => parts[key] > 0);
  return (
    <section className="section">
      <h2>Where the time went</h2>
      <div className="stacked" aria-hidden="true">
        {shown.map(({ key, tone }) => <span key={key} className={`bar ${tone}`} style={{ flexGrow: parts[key] }} />)}
      </div>
      <ul className="plain legend">
        {shown.map(({ key, title, tone }) => (
          <li key={key}><span className={`dot ${tone}`} /> {title} <span className="faint">{duration(parts[key])}</span></li>
        ))}
      </ul>
      <p className="label">The chain that it waited for</p>
      <p className="task-links">
        {links.slice(0, 30).map((link) => (
          <button key={link.task} type="button" className="link" onClick={() => choose(link.task)} title={duration(link.end_ms - link.start_ms)}>{link.task}</button>
        ))}
        {links.length > 30 && <span className="faint">and {count(links.length - 30)} more</span>}
      </p>
      {speed_ups.slice(0, 3).map((one) => (
        <p key={one.node} className="faint">A faster <code>{one.node}</code> would save {duration(one.saves_ms)} at most.</p>
      ))}
    </section>
  );
}

function CostOf({ run, choose }: { run: Run; choose: (task: string) => void }) {
  const cost = useGet<CostReport>(apiPath(["runs", run.id, "cost"]));
  if (cost.error !== null) return <Fault error={cost.error} retry={cost.reload} />;
  if (cost.data === null) return null;
  const rows = [
    ...cost.data.nodes.map((one) => ({ name: one.node, spend: one.spend, isNode: true })),
    ...cost.data.models.map((one) => ({ name: one.model, spend: one.spend, isNode: false })),
  ];
  return (
    <section className="section">
      <h2>Tokens and cost</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label="Tokens and cost">
        <table className="grid wide">
          <thead>
            <tr><th scope="col">node or model</th><th scope="col" className="number">calls</th><th scope="col" className="number">in</th><th scope="col" className="number">out</th><th scope="col" className="number">cost</th></tr>
          </thead>
          <tbody>
            {rows.slice(0, 40).map(({ name, spend, isNode }) => (
              <tr key={`${isNode} ${name}`}>
                <td>{isNode ? <button type="button" className="link" onClick={() => choose(nodeOf(name))}>{name}</button> : <code>{name}</code>}</td>
                <td className="number">{count(spend.model_calls)}</td>
                <td className="number">{count(spend.input_tokens)}</td>
                <td className="number">{count(spend.output_tokens)}</td>
                <td className="number">{spent(spend)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
