import { lazy, Suspense, useState } from "react";
import { apiPath } from "../api/client";
import type { Json } from "../api/types";
import { inLines } from "../lib/format";
import { Copy } from "./copy";
import { columnsOf, Grid } from "./grid";
import { JsonTree } from "./json_tree";
import { LongText } from "./long_text";
import { Loading } from "./states";

const Markdown = lazy(() => import("./markdown"));

type Form = "picture" | "table" | "tree" | "markdown" | "text";
const TITLES: Record<Form, string> = { picture: "Picture", table: "Table", tree: "Tree", markdown: "Markdown", text: "Text" };
const PICTURE = /^data:image\/(png|jpeg|gif|webp);base64,/;
const MARKDOWN = /(^|\n)(#{1,6} |[-*] |\d+\. |> |```|\|.*\|)|\*\*[^*\n]+\*\*|\[[^\]\n]+\]\([^)\n]+\)/;
const LONGEST_MARKDOWN = 200_000;

/** A value in the form that suits it, and in others if one likes. */
export function Value({ value, artifact, label = "value" }: { value: Json; artifact?: string; label?: string }) {
  const forms = formsOf(value, artifact);
  const [asked, setAsked] = useState<Form | null>(null);
  const form = asked !== null && forms.includes(asked) ? asked : (forms[0] ?? "text");
  return (
    <div className="value">
      {forms.length > 1 && (
        <div className="value-tools">
          <div className="segments" role="group" aria-label={`How to show the ${label}`}>
            {forms.map((one) => (
              <button key={one} type="button" aria-pressed={one === form} onClick={() => setAsked(one)}>
                {TITLES[one]}
              </button>
            ))}
          </div>
          {form !== "text" && <Copy text={() => inLines(value)} label={`Copy the ${label}`} />}
        </div>
      )}
      <Shown value={value} form={form} artifact={artifact} label={label} />
    </div>
  );
}

function Shown({ value, form, artifact, label }: { value: Json; form: Form; artifact?: string; label: string }) {
  const columns = form === "table" ? columnsOf(value) : null;
  if (columns !== null && Array.isArray(value)) return <Grid rows={value} columns={columns} />;
  if (form === "picture" && artifact !== undefined) return <Picture artifact={artifact} label={label} />;
  if (form === "markdown" && typeof value === "string") {
    return (
      <Suspense fallback={<Loading />}>
        <Markdown text={value} />
      </Suspense>
    );
  }
  if (form === "tree") return <JsonTree value={value} label={label} />;
  return <LongText text={inLines(value)} label={label} mono={typeof value !== "string"} />;
}

function Picture({ artifact, label }: { artifact: string; label: string }) {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) return <p className="faint">This picture cannot be shown.</p>;
  const address = apiPath(["artifacts", artifact, "content"]);
  return <img className="picture" src={address} alt={`The ${label}, a picture`} onError={() => setBroken(true)} />;
}

function formsOf(value: Json, artifact: string | undefined): Form[] {
  if (typeof value === "string") {
    if (artifact !== undefined && PICTURE.test(value)) return ["picture", "text"];
    const mayBe = value.length <= LONGEST_MARKDOWN && MARKDOWN.test(value);
    return mayBe ? ["markdown", "text"] : ["text"];
  }
  if (typeof value !== "object" || value === null) return ["text"];
  return columnsOf(value) === null ? ["tree", "text"] : ["table", "tree", "text"];
}
