import { lazy, Suspense, useEffect } from "react";
import "../../styles/workflow.css";
import { apiPath } from "../../api/client";
import type { WorkflowFiles, WorkflowText } from "../../api/types";
import { useGet } from "../../api/use";
import { ago, bytes } from "../../lib/format";
import { href } from "../../lib/router";
import { Empty, Fault, Loading } from "../../parts/states";
import { useReadOnly } from "../../session_context";
import { NewFile } from "./new_file";

const Workbench = lazy(() => import("./workbench"));

/** The workflow files of the folder, and one of them to look at and to change. */
export default function WorkflowsView({ name }: { name: string | null }) {
  useEffect(() => {
    document.title = `${name ?? "Workflows"} · Binex`;
  }, [name]);
  return name === null ? <Files /> : <One key={name} name={name} />;
}

function Files() {
  const files = useGet<WorkflowFiles>("/api/workflows");
  const isReadOnly = useReadOnly();
  if (files.error !== null) return <div className="page"><Fault error={files.error} retry={files.reload} /></div>;
  if (files.data === null) return <div className="page"><Loading what="Reading the folder" /></div>;
  const { workflows, folder } = files.data;
  return (
    <div className="page narrow-page">
      <div className="page-head">
        <h1>Workflows</h1>
        <span className="faint">in the folder <code>{folder}</code></span>
      </div>
      {workflows.length === 0 ? (
        <Empty title="There is no workflow file in this folder">A file that ends in .yaml and stands in the folder itself shows up here.</Empty>
      ) : (
        <ul className="plain panel file-list">
          {workflows.map((file) => (
            <li key={file.name}>
              <a href={href(["workflows", file.name])}>{file.name}</a>
              <span className="faint">{bytes(file.size)}</span>
              <span className="faint">changed {ago(file.modified_at)}</span>
            </li>
          ))}
        </ul>
      )}
      {!isReadOnly && <NewFile />}
    </div>
  );
}

function One({ name }: { name: string }) {
  const file = useGet<WorkflowText>(apiPath(["workflows", name]));
  if (file.error !== null) {
    return (
      <div className="page">
        <Fault error={file.error} retry={file.reload} />
        <a href={href(["workflows"])}>All workflows</a>
      </div>
    );
  }
  if (file.data === null) return <div className="page"><Loading what="Reading the file" /></div>;
  return (
    <Suspense fallback={<div className="page"><Loading what="Opening the editor" /></div>}>
      <Workbench key={file.data.sha256} file={file.data} reload={file.reload} />
    </Suspense>
  );
}
