import { useState } from "react";
import type { Json } from "../api/types";
import { beginning, plural, visible } from "../lib/format";
import { Icon } from "./icon";

const PAGE = 100;
const LONGEST = 400;

/** JSON that can be opened branch by branch. */
export function JsonTree({ value, label = "value" }: { value: Json; label?: string }) {
  return (
    <div className="json" role="group" aria-label={label}>
      <Branch value={value} depth={0} />
    </div>
  );
}

function Branch({ name, value, depth }: { name?: string | number; value: Json; depth: number }) {
  const [isOpen, setOpen] = useState(depth < 2);
  const [most, setMost] = useState(PAGE);
  const key = name === undefined ? null : <span className={typeof name === "number" ? "json-index" : "json-key"}>{visible(String(name))}</span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div className="json-leaf">
        {key}
        <Leaf value={value} />
      </div>
    );
  }
  const isList = Array.isArray(value);
  const size = isList ? value.length : Object.keys(value).length;
  if (size === 0) {
    return (
      <div className="json-leaf">
        {key}
        <span className="faint">{isList ? "empty list" : "empty object"}</span>
      </div>
    );
  }
  const entries: [string | number, Json][] = !isOpen
    ? []
    : isList
      ? value.slice(0, most).map((one, index) => [index, one])
      : Object.entries(value).slice(0, most);
  return (
    <div className="json-branch">
      <button type="button" className="json-toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name={isOpen ? "down" : "right"} size={12} />
        {key}
        <span className="faint">{plural(size, isList ? "item" : "field")}</span>
      </button>
      {isOpen && (
        <div className="json-inside">
          {entries.map(([inner, one]) => (
            <Branch key={inner} name={inner} value={one} depth={depth + 1} />
          ))}
          {size > most && (
            <button type="button" className="button small" onClick={() => setMost(most + 10 * PAGE)}>
              Show more of {plural(size, isList ? "item" : "field")}
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Leaf({ value }: { value: null | boolean | number | string }) {
  const [isWhole, setWhole] = useState(false);
  if (typeof value !== "string") return <span className="json-plain">{String(value)}</span>;
  const shown = isWhole ? value : beginning(value, LONGEST);
  return (
    <span className="json-text">
      {shown === "" ? <span className="faint">empty text</span> : visible(shown)}
      {shown.length < value.length && (
        <button type="button" className="button small" onClick={() => setWhole(true)}>
          … show all
        </button>
      )}
    </span>
  );
}
