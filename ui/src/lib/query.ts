/** What stands behind the `?` of an address. */
export type Query = Record<string, string | number | null | undefined | readonly string[]>;

/** It as text, with its `?`; what is empty is left out. */
export function queryText(query: Query): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    if (typeof value === "object") value.forEach((one) => found.append(name, one));
    else found.set(name, String(value));
  }
  const text = found.toString();
  return text === "" ? "" : `?${text}`;
}
