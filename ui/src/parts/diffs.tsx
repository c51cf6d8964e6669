import { useState } from "react";
import type { Json, JsonChange, TextDiff, ValueDiff } from "../api/types";
import { beginning, count, inLines, plural, visible } from "../lib/format";
import { LongText } from "./long_text";

const FIRST_PIECES = 400;
const FIRST_CHANGES = 40;
const LONGEST = 1500;

/** How one value became another, as the analysis says. */
export function ValueDiffShown({ diff }: { diff: ValueDiff }) {
  if (diff.text !== null) return <TextDiffShown diff={diff.text} />;
  if (diff.json_value !== null) {
    return <JsonDiffShown changes={diff.json_value.changes} isCut={diff.json_value.is_cut} />;
  }
  return (
    <div className="diff-sides">
      <Side title="before" value={diff.before} />
      <Side title="after" value={diff.after} />
      {diff.is_cut && <p className="faint">Both are long; only their beginnings are shown.</p>}
    </div>
  );
}

function Side({ title, value }: { title: string; value: Json }) {
  return (
    <div>
      <p className="label">{title}</p>
      {value === null ? <p className="faint">nothing</p> : <LongText text={inLines(value)} label={title} />}
    </div>
  );
}

/** Two texts as one, word by word. */
export function TextDiffShown({ diff }: { diff: TextDiff }) {
  const [most, setMost] = useState(FIRST_PIECES);
  const [isWhole, setWhole] = useState(false);
  return (
    <div>
      <pre className="prose diff-text" tabIndex={0} aria-label="text that was changed">
        {diff.skipped > 0 && <span className="faint">… {count(diff.skipped)} characters are the same …{"\n"}</span>}
        {diff.pieces.slice(0, most).map(([change, text], index) => {
          if (change === "deleted") return <del key={index}>{visible(text)}</del>;
          if (change === "inserted") return <ins key={index}>{visible(text)}</ins>;
          return <span key={index}>{visible(isWhole ? text : shortened(text))}</span>;
        })}
        {diff.left_out > 0 && <span className="faint">{"\n"}… {count(diff.left_out)} characters are the same …</span>}
      </pre>
      <p className="diff-note">
        {plural(diff.deleted, "word")} taken out, {count(diff.inserted)} put in
        {diff.is_cut && "; what comes after was not compared"}
        {diff.pieces.some(([change, text]) => change === "same" && text.length > LONGEST) && (
          <button type="button" className="button small" onClick={() => setWhole(!isWhole)}>
            {isWhole ? "Shorten what is the same" : "Show all that is the same"}
          </button>
        )}
        {diff.pieces.length > most && (
          <button type="button" className="button small" onClick={() => setMost(most + 4000)}>
            Show more changes
          </button>
        )}
      </p>
    </div>
  );
}

/** The two ends of a long piece that is the same. */
function shortened(text: string): string {
  if (text.length <= LONGEST) return text;
  return `${beginning(text, LONGEST / 2)}\n… ${count(text.length - LONGEST)} characters are the same …\n${text.slice(-LONGEST / 2)}`;
}

function JsonDiffShown({ changes, isCut }: { changes: readonly JsonChange[]; isCut: boolean }) {
  const [most, setMost] = useState(FIRST_CHANGES);
  return (
    <div>
      <ul className="plain json-changes">
        {changes.slice(0, most).map((change, index) => (
          <li key={index}>
            <p>
              <code>{pathOf(change)}</code> <span className={`tag ${change.kind}`}>{change.kind}</span>
            </p>
            {change.text !== null ? (
              <TextDiffShown diff={change.text} />
            ) : (
              <p className="json-change">
                {change.kind !== "added" && <del>{visible(beginning(inLines(change.before), LONGEST))}</del>}
                {change.kind === "changed" && <span aria-hidden="true"> → </span>}
                {change.kind !== "removed" && <ins>{visible(beginning(inLines(change.after), LONGEST))}</ins>}
              </p>
            )}
          </li>
        ))}
      </ul>
      {changes.length > most && (
        <button type="button" className="button small" onClick={() => setMost(most + 400)}>
          Show more of {plural(changes.length, "change")}
        </button>
      )}
      {isCut && <p className="faint">There are more changes than are compared.</p>}
    </div>
  );
}

function pathOf(change: JsonChange): string {
  const path = change.path.length > 0 || change.kind === "added" ? change.path : change.path_before;
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
  return text.replace(/^\./, "") || "the whole value";
}
