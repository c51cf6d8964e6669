import { useState } from "react";
import { Icon } from "./icon";

/** Copies *text*, and says so. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [isDone, setDone] = useState(false);
  async function copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    } catch {
      setDone(false);
    }
  }
  return (
    <button type="button" className="icon-button" onClick={() => void copy()} aria-label={isDone ? "Copied" : label} title={isDone ? "Copied" : label}>
      <Icon name={isDone ? "check" : "copy"} size={14} />
    </button>
  );
}
