import { useState } from "react";
import { Icon } from "./icon";

type Outcome = "copied" | "failed" | null;

/** Copies *text*, and says so. */
export function Copy({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [outcome, setOutcome] = useState<Outcome>(null);
  async function copy(): Promise<void> {
    const isDone = await write(typeof text === "string" ? text : text());
    setOutcome(isDone ? "copied" : "failed");
    setTimeout(() => setOutcome(null), 1500);
  }
  const said = outcome === "copied" ? "Copied" : outcome === "failed" ? "The browser does not let it be copied" : label;
  return (
    <>
      <button type="button" className="icon-button" onClick={() => void copy()} aria-label={label} title={said}>
        <Icon name={outcome === "copied" ? "check" : outcome === "failed" ? "cross" : "copy"} size={14} />
      </button>
      <span className="unseen" role="status">{outcome === null ? "" : said}</span>
    </>
  );
}

/** Where the page is not on this machine and not encrypted, browsers have no clipboard but the old way. */
async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    const before = document.activeElement;
    box.value = text;
    box.className = "unseen";
    document.body.append(box);
    box.select();
    const isDone = document.execCommand("copy");
    box.remove();
    if (before instanceof HTMLElement) before.focus();
    return isDone;
  }
}
