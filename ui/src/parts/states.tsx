import type { ReactNode } from "react";
import type { ApiError } from "../api/client";
import type { Damage } from "../api/types";

/** What stands where nothing is. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children !== undefined && <div className="faint">{children}</div>}
    </div>
  );
}

/** What went wrong, and what to do about it. */
export function Fault({ error, retry }: { error: ApiError; retry?: () => void }) {
  return (
    <div className="fault" role="alert">
      <p className="fault-title">{error.message}</p>
      {error.fix !== null && <p>{error.fix}</p>}
      {retry !== undefined && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <p className="loading" role="status">
      <span className="spinner" aria-hidden="true" />
      {what}…
    </p>
  );
}

/** What can no longer be read; the rest is there. */
export function Damaged({ damage }: { damage: readonly Damage[] }) {
  if (damage.length === 0) return null;
  return (
    <div className="note warn">
      <p className="strong">Some of it can no longer be read</p>
      <ul className="plain">
        {damage.slice(0, 20).map((one) => (
          <li key={`${one.where} ${one.message}`}>
            <code>{one.where}</code> {one.message}
            {one.fix !== null && <span className="faint"> – {one.fix}</span>}
          </li>
        ))}
      </ul>
      {damage.length > 20 && <p className="faint">and {damage.length - 20} more</p>}
    </div>
  );
}
