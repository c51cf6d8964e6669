import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";

export interface Tab<T extends string> {
  id: T;
  title: ReactNode;
  count?: number;
}

/** Tabs as the ARIA practices say: arrows move between them, and only the chosen one is in the order of Tab. */
export function Tabs<T extends string>(props: {
  label: string;
  tabs: readonly Tab<T>[];
  chosen: T;
  choose: (id: T) => void;
  children: ReactNode;
  className?: string;
}) {
  const { label, tabs, chosen, choose, children, className = "" } = props;
  const base = useId();
  const list = useRef<HTMLDivElement>(null);
  function onKey(event: KeyboardEvent): void {
    const at = tabs.findIndex((tab) => tab.id === chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = (to + tabs.length) % tabs.length;
    const next = tabs[index];
    if (next === undefined) return;
    choose(next.id);
    list.current?.querySelectorAll<HTMLButtonElement>("[role=tab]")[index]?.focus();
  }
  return (
    <div className={`tabs ${className}`}>
      <div className="tab-list" role="tablist" aria-label={label} ref={list} onKeyDown={onKey}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${base}-${tab.id}`}
            aria-selected={tab.id === chosen}
            aria-controls={`${base}-panel`}
            tabIndex={tab.id === chosen ? 0 : -1}
            onClick={() => choose(tab.id)}
          >
            {tab.title}
            {tab.count !== undefined && tab.count > 0 && <span className="tab-count">{tab.count}</span>}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id={`${base}-panel`} aria-labelledby={`${base}-${chosen}`} tabIndex={0}>
        {children}
      </div>
    </div>
  );
}
