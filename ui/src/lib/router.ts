import { useSyncExternalStore } from "react";
import { type Query, queryText } from "./query";

interface Route {
  parts: string[];
  query: URLSearchParams;
}

/** The address of a view: all of it stands in the fragment, so that the server need not know it. */
export function href(parts: readonly string[], query: Query = {}): string {
  return `#/${parts.map(encodeURIComponent).join("/")}${queryText(query)}`;
}

export function go(address: string, { replace = false } = {}): void {
  if (replace) {
    history.replaceState(null, "", address);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else {
    window.location.hash = address;
  }
}

/** The address of this view with other values in it; null takes one out. */
export function altered(changes: Query): string {
  const { parts, query } = readRoute(window.location.hash);
  const values: Record<string, Query[string]> = {};
  for (const name of new Set(query.keys())) values[name] = query.getAll(name);
  return href(parts, { ...values, ...changes });
}

function readRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parts = path.split("/").filter(Boolean).map(decoded);
  return { parts, query: new URLSearchParams(query) };
}

export function useRoute(): Route {
  return readRoute(useSyncExternalStore(subscribe, () => window.location.hash));
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
