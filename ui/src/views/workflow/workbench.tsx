import "../../styles/fork.css";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { ApiError, apiPath, send } from "../../api/client";
import type { WorkflowText } from "../../api/types";
import { plural } from "../../lib/format";
import { href } from "../../lib/router";
import { useWide } from "../../lib/wide";
import { Icon } from "../../parts/icon";
import { Empty, Fault, Loading } from "../../parts/states";
import { Tabs } from "../../parts/tabs";
import { useReadOnly } from "../../session_context";
import type { Standing } from "../run/moment";
import { EditBar } from "./edit_bar";
import { Editor, type EditorHandle } from "./editor";
import { Faults } from "./faults";
import { RunForm } from "./run_form";
import { useChecked } from "./use_checked";
import { useEditing } from "./use_editing";

const GraphPane = lazy(() => import("../run/graph/graph_pane"));
const NOTHING_STANDS: ReadonlyMap<string, Standing> = new Map();

type Pane = "text" | "graph" | "run";

/** A workflow file: its text, what is wrong with it, the graph that it makes, and a form to plan and run it. */
export default function Workbench({ file, reload }: { file: WorkflowText; reload: () => void }) {
  const [saved, setSaved] = useState(file);
  const [text, setText] = useState(file.text);
  const [fault, setFault] = useState<ApiError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [pane, setPane] = useState<Pane>("text");
  const editor = useRef<EditorHandle>(null);
  const isReadOnly = useReadOnly();
  const isWide = useWide("64rem");
  const { checked, usable, fault: unchecked } = useChecked(file.name, text, isReadOnly);
  const graph = usable?.graph ?? null;
  const editing = useEditing({ text, graph, editor });
  const isChanged = text !== saved.text;
  useEffect(() => {
    if (!isChanged) return;
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isChanged]);
  async function save(): Promise<boolean> {
    if (isReadOnly || isBusy) return false;
    if (!isChanged) return true;
    setBusy(true);
    setFault(null);
    try {
      const written = await send<WorkflowText>("PUT", apiPath(["workflows", file.name]), { text }, { "If-Match": `"${saved.sha256}"` });
      setSaved(written);
      return true;
    } catch (error) {
      setFault(error instanceof ApiError ? error : new ApiError(0, String(error)));
      return false;
    } finally {
      setBusy(false);
    }
  }
  const drawn = useMemo(() => (graph === null ? null : { ...graph, damage: [] }), [graph]);
  const faults = checked?.faults ?? [];
  function choose(node: string): void {
    editing.choose(node);
    editor.current?.show(node);
  }
  const graphShown = (
    <div className="workflow-graph" onKeyDown={isReadOnly ? undefined : editing.onKey}>
      {drawn === null ? (
        checked === null ? <Loading what="Reading the workflow" /> : <Empty title="There is no graph yet">The text has to be a workflow first.</Empty>
      ) : (
        <Suspense fallback={<Loading what="Drawing the graph" />}>
          <GraphPane graph={drawn} standing={NOTHING_STANDS} chosen={editing.chosen} choose={choose} chooseGroup={editing.choose} isNarrow {...(isReadOnly ? {} : { edit: editing.edit })} />
        </Suspense>
      )}
      {!isReadOnly && <EditBar graph={graph} chosen={editing.chosen} editing={editing} />}
    </div>
  );
  const textShown = (
    <div className="workflow-text">
      <Editor ref={editor} text={file.text} checked={checked} known={usable} isReadOnly={isReadOnly} change={setText} save={() => void save()} />
      <Faults checked={checked} go={(line, column) => { setPane("text"); editor.current?.goTo(line, column); }} />
    </div>
  );
  const run = <RunForm file={file.name} text={text} inputs={checked?.inputs ?? {}} isUsable={checked?.is_usable ?? false} isChanged={isChanged} save={save} />;
  const said = fault ?? unchecked;
  return (
    <div className={`run-view workflow-view ${isWide ? "" : "narrow"}`}>
      <header className="run-header">
        <div className="run-title">
          <a href={href(["workflows"])} className="icon-button" aria-label="All workflows" title="All workflows"><Icon name="left" /></a>
          <h1>{file.name}</h1>
          {checked !== null && <span className={`tag ${faults.length > 0 ? "bad" : "good"}`}>{faults.length > 0 ? plural(faults.length, "fault") : "usable"}</span>}
          {isChanged && <span className="tag changed">not saved</span>}
        </div>
        <div className="run-figures">{checked?.description && <span className="faint">{checked.description}</span>}</div>
        {!isReadOnly && (
          <div className="run-actions">
            <button type="button" className="button primary" disabled={!isChanged || isBusy} onClick={() => void save()}>Save</button>
          </div>
        )}
      </header>
      {said !== null && (
        <div className="workflow-fault">
          <Fault error={said} />
          {said.status === 409 && (
            <button type="button" className="button" onClick={reload}>Take what the file says now, and drop my changes</button>
          )}
        </div>
      )}
      {isWide ? (
        <div className="run-body workflow-body">
          {textShown}
          <div className="workflow-side">
            {graphShown}
            {!isReadOnly && run}
          </div>
        </div>
      ) : (
        <Tabs
          label="Parts of the workflow"
          className="pane-tabs"
          tabs={[{ id: "text" as Pane, title: "Text", count: faults.length }, { id: "graph", title: "Graph" }, ...(isReadOnly ? [] : [{ id: "run" as Pane, title: "Run" }])]}
          chosen={pane}
          choose={setPane}
        >
          <div hidden={pane !== "text"}>{textShown}</div>
          {pane === "graph" && graphShown}
          {!isReadOnly && <div hidden={pane !== "run"}>{run}</div>}
        </Tabs>
      )}
    </div>
  );
}
