import { useState } from "react";
import { beginning, bytes, visible } from "../lib/format";
import { Copy } from "./copy";

const FIRST = 8000;
const MORE = 200_000;

/** Text as it is, its beginning at first where it is long. */
export function LongText({ text, label = "text", mono = true }: { text: string; label?: string; mono?: boolean }) {
  const [most, setMost] = useState(FIRST);
  const shown = beginning(text, most);
  if (text === "") return <p className="faint">empty text</p>;
  return (
    <div className="long-text">
      <div className="long-text-tools">
        <Copy text={text} label={`Copy the ${label}`} />
      </div>
      <pre className={mono ? "" : "prose"} tabIndex={0} aria-label={label}>
        {visible(shown)}
      </pre>
      {shown.length < text.length && (
        <button type="button" className="button small" onClick={() => setMost(most + MORE)}>
          Show more of {bytes(text.length)}
        </button>
      )}
    </div>
  );
}
