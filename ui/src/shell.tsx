import { lazy, type ReactNode, Suspense, useCallback, useEffect, useRef } from "react";
import { useConnection } from "./api/connection";
import { useEvents } from "./api/events";
import type { Question, ServerSession } from "./api/types";
import { useGet, useThrottled } from "./api/use";
import { Boundary } from "./boundary";
import { href, useRoute } from "./lib/router";
import { useTheme } from "./lib/theme";
import { Icon, type IconName } from "./parts/icon";
import { Empty, Loading } from "./parts/states";
import { SessionContext } from "./session_context";
import { RunsView } from "./views/runs/runs_view";

const RunView = lazy(() => import("./views/run/run_view"));
const DiffView = lazy(() => import("./views/diff/diff_view"));
const GatesView = lazy(() => import("./views/gates/gates_view"));
const WorkflowsView = lazy(() => import("./views/workflow/workflows_view"));
const HealthView = lazy(() => import("./views/health/health_view"));

const PLACES: { path: string; title: string; icon: IconName }[] = [
  { path: "runs", title: "Runs", icon: "runs" },
  { path: "gates", title: "Gates", icon: "gate" },
  { path: "workflows", title: "Workflows", icon: "flow" },
  { path: "health", title: "Health", icon: "chart" },
];

/** What is around every view: the places to go, the theme, the view itself. */
export function Shell({ session }: { session: ServerSession }) {
  const { parts, query } = useRoute();
  const place = parts[0] ?? "runs";
  const [theme, nextTheme] = useTheme();
  const isConnected = useConnection();
  const questions = useGet<{ questions: Question[] }>("/api/questions");
  const reload = useThrottled(questions.reload, 300);
  useEvents(null, true, useCallback(({ kind }) => {
    if (kind === "question" || kind === "end" || kind === "reset") reload();
  }, [reload]));
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const view = parts.join("/");
  useEffect(() => {
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
    window.scrollTo(0, 0);
  }, [view]);
  const open = questions.data?.questions.length ?? 0;
  return (
    <SessionContext value={session}>
      <a className="skip" href="#main" onClick={(event) => { event.preventDefault(); main.current?.focus(); }}>
        Skip to the content
      </a>
      <header className="top">
        <a className="brand" href={href(["runs"])}>
          <img src="./favicon.svg" alt="" width="22" height="22" />
          Binex
        </a>
        <nav aria-label="Places">
          {PLACES.map((one) => (
            <a key={one.path} href={href([one.path])} aria-current={isIn(place, one.path) ? "page" : undefined}>
              <Icon name={one.icon} />
              <span>{one.title}</span>
              {one.path === "gates" && open > 0 && (
                <span className="badge">
                  {open}
                  <span className="unseen"> open</span>
                </span>
              )}
            </a>
          ))}
        </nav>
        <span className="top-folder" title={`Binex ${session.version}`}>
          {session.folder}
          {session.read_only && <span className="tag">read-only</span>}
        </span>
        <button type="button" className="icon-button" onClick={nextTheme} aria-label={`Theme: ${theme}. Change it`} title={`Theme: ${theme}`}>
          <Icon name={theme === "light" ? "sun" : theme === "dark" ? "moon" : "system"} />
        </button>
      </header>
      <p className="lost" role="status">
        {!isConnected && <><Icon name="warn" size={14} /> The server does not answer. What is shown may be old; this page tries again by itself.</>}
      </p>
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={view}>
          <Suspense fallback={<Loading />}>{viewOf(parts, query)}</Suspense>
        </Boundary>
      </main>
    </SessionContext>
  );
}

function isIn(place: string, path: string): boolean {
  return place === path || (path === "runs" && place === "diff");
}

function viewOf(parts: string[], query: URLSearchParams): ReactNode {
  const [place = "runs", name] = parts;
  switch (place) {
    case "runs":
      return name === undefined ? <RunsView query={query} /> : <RunView key={name} name={name} query={query} />;
    case "diff":
      return <DiffView query={query} />;
    case "gates":
      return <GatesView />;
    case "workflows":
      return <WorkflowsView name={name ?? null} />;
    case "health":
      return <HealthView query={query} />;
    default:
      return (
        <Empty title="There is no such page">
          <a href={href(["runs"])}>All runs</a>
        </Empty>
      );
  }
}
