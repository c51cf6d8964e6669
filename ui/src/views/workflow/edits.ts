import { isMap, isScalar, isSeq, type Pair, parseDocument, type YAMLMap } from "yaml";

/** Why an edit of a text cannot be made. */
export class EditError extends Error {}

type Ranged = { range?: [number, number, number] | null };

/** The text with one more node at the end of `nodes`; nothing else of it changes. */
export function addNode(text: string, name: string, agent: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)) throw new EditError("A name begins with a letter and has letters, digits, - and _.");
  const nodes = nodesOf(text);
  if (nodes.has(name)) throw new EditError(`There is a node '${name}' already.`);
  const line = `${name}: {agent: ${JSON.stringify(agent)}}`;
  if (nodes.flow) return checked(text, insertInFlow(text, nodes, line), 1);
  const first = nodes.items[0];
  const indent = first === undefined ? "  " : indentAt(text, startOf(first));
  const last = nodes.items[nodes.items.length - 1];
  if (last === undefined) throw new EditError("Write the first node by hand.");
  return checked(text, insertLine(text, endOfContent(text, last), `${indent}${line}`), 1);
}

/** The text with *after* depending on *before*; nothing else of it changes. */
export function connect(text: string, before: string, after: string): string {
  const nodes = nodesOf(text);
  const pair = nodes.items.find((one) => nameOf(one) === after);
  const node = pair?.value;
  if (pair === undefined || !isMap(node)) throw new EditError(`The node '${after}' is not written as a mapping.`);
  const known = node.items.find((one) => nameOf(one) === "depends_on");
  if (known === undefined) {
    const line = `depends_on: [${before}]`;
    if (node.flow) return checked(text, insertInFlow(text, node, line), 0);
    const first = node.items[0];
    const last = node.items[node.items.length - 1];
    if (first === undefined || last === undefined) throw new EditError(`The node '${after}' is empty.`);
    return checked(text, insertLine(text, endOfContent(text, last), `${indentAt(text, startOf(first))}${line}`), 0);
  }
  const list = known.value;
  if (isSeq(list)) {
    if (list.items.some((one) => isScalar(one) && one.value === before)) throw new EditError(`'${after}' depends on '${before}' already.`);
    if (list.flow) return checked(text, insertInFlow(text, list, before), 0);
    const last = list.items[list.items.length - 1];
    if (last === undefined) throw new EditError("The list of dependencies is empty.");
    const dash = text.lastIndexOf("-", rangeOf(last as Ranged)[0]);
    const lineStart = text.lastIndexOf("\n", dash) + 1;
    return checked(text, insertLine(text, rangeOf(last as Ranged)[1], `${text.slice(lineStart, dash)}- ${before}`), 0);
  }
  if (isScalar(list)) {
    const [from, to] = rangeOf(list);
    return checked(text, `${text.slice(0, from)}[${text.slice(from, to)}, ${before}]${text.slice(to)}`, 0);
  }
  throw new EditError("What stands in depends_on is no list.");
}

function nodesOf(text: string): YAMLMap {
  const document = parseDocument(text, { keepSourceTokens: true });
  if (document.errors.length > 0) throw new EditError("The text is no YAML at the moment.");
  const nodes = document.get("nodes");
  if (!isMap(nodes)) throw new EditError("The text has no nodes yet.");
  return nodes;
}

/** Only what was put in is new: every line that was there still is, in its order, and the text is still YAML. */
function checked(before: string, after: string, added: number): string {
  const count = nodesOf(before).items.length;
  const nodes = nodesOf(after);
  if (nodes.items.length !== count + added) throw new EditError("This text cannot be changed from here; change it by hand.");
  return after;
}

function insertInFlow(text: string, collection: Ranged & { items: unknown[] }, inside: string): string {
  const [, end] = rangeOf(collection);
  const close = end - 1;
  const body = text.slice(0, close);
  const trimmed = body.replace(/\s+$/, "");
  const separator = collection.items.length === 0 ? "" : trimmed.endsWith(",") ? " " : ", ";
  return `${trimmed}${separator}${inside}${body.slice(trimmed.length)}${text.slice(close)}`;
}

/** *line* as a line of its own behind the one in which *at* is. */
function insertLine(text: string, at: number, line: string): string {
  const found = text.indexOf("\n", at);
  const end = found === -1 ? text.length : found;
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const stop = text[end - 1] === "\r" ? end - 1 : end;
  return `${text.slice(0, stop)}${newline}${line}${text.slice(stop)}`;
}

/** Where what a pair says ends, without the comments and blanks behind it. */
function endOfContent(text: string, pair: Pair): number {
  const value = pair.value as Ranged | null;
  const end = value?.range?.[1] ?? (pair.key as Ranged).range?.[1] ?? text.length;
  const trimmed = text.slice(0, end).replace(/\s+$/, "");
  return trimmed.length;
}

function startOf(pair: Pair): number {
  return rangeOf(pair.key as Ranged)[0];
}

function indentAt(text: string, at: number): string {
  const start = text.lastIndexOf("\n", at - 1) + 1;
  return /^[ ]*/.exec(text.slice(start, at))?.[0] ?? "";
}

function nameOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

function rangeOf(node: Ranged): [number, number, number] {
  if (node.range === undefined || node.range === null) throw new EditError("This part of the text cannot be found.");
  return node.range;
}
