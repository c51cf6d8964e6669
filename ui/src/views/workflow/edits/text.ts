import { CST, type Document, isMap, isScalar, Lexer, type Pair, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";

/** Why an edit of a text cannot be made. */
export class EditError extends Error {}

type Ranged = { range?: [number, number, number] | null };

/** A text that is YAML, and the places of what stands in it. */
export class Source {
  private readonly document: Document;
  private known: [number, number][] | null = null;

  constructor(readonly text: string) {
    this.document = parseDocument(text, { keepSourceTokens: true });
    if (this.document.errors.length > 0) throw new EditError("The text is no YAML at the moment; mend that first.");
  }

  get root(): unknown {
    return this.document.contents;
  }

  /** What it says, without how that is written. */
  get value(): unknown {
    try {
      return this.document.toJS();
    } catch (error) {
      throw new EditError(`The text cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  get newline(): string {
    return this.text.includes("\r\n") ? "\r\n" : "\n";
  }

  nodes(): YAMLMap {
    const nodes = this.document.get("nodes");
    if (!isMap(nodes)) throw new EditError("The text has no nodes yet.");
    return nodes;
  }

  /** The pair that says what a node is, and its fields. */
  node(name: string): { pair: Pair; fields: YAMLMap } {
    const pair = pairOf(this.nodes(), name);
    if (pair === undefined) throw new EditError(`There is no node '${name}' in the text.`);
    if (!isMap(pair.value)) throw new EditError(`The node '${name}' is not written as a mapping; change it in the text.`);
    return { pair, fields: pair.value };
  }

  hasComment(from: number, to: number): boolean {
    this.known ??= commentsOf(this.text);
    return this.known.some(([start, end]) => start < to && end > from);
  }

  indentAt(at: number): string {
    return /^[ ]*/.exec(this.text.slice(this.lineStart(at), at))?.[0] ?? "";
  }

  lineStart(at: number): number {
    return this.text.lastIndexOf("\n", at - 1) + 1;
  }

  /** Where a line ends, before the line break. */
  lineEnd(at: number): number {
    const found = this.text.indexOf("\n", at);
    const end = found === -1 ? this.text.length : found;
    return this.text[end - 1] === "\r" ? end - 1 : end;
  }

  /** Where a line ends, behind the line break. */
  nextLine(at: number): number {
    const found = this.text.indexOf("\n", at);
    return found === -1 ? this.text.length : found + 1;
  }

  /** *lines* as lines of their own behind the one in which *at* is. */
  insertLines(at: number, lines: readonly string[]): string {
    const stop = this.lineEnd(at);
    return this.text.slice(0, stop) + lines.map((line) => this.newline + line).join("") + this.text.slice(stop);
  }

  insertAt(at: number, text: string): string {
    return this.text.slice(0, at) + text + this.text.slice(at);
  }

  /** One more thing at the end of what is written between brackets. */
  insertInFlow(collection: YAMLMap | YAMLSeq, inside: string): string {
    const last = collection.items.at(-1);
    if (last === undefined) return this.insertAt(rangeOf(collection)[1] - 1, inside);
    return this.insertAt(this.endOf(last), `, ${inside}`);
  }

  /** Where what is written of something ends, without the blanks and comments behind it. */
  endOf(item: unknown): number {
    const { from, to } = spanOf(item);
    return from + this.text.slice(from, to).replace(/\s+$/, "").length;
  }

  /** The text without one thing of a collection: its lines, or what is between the commas. */
  without(collection: YAMLMap | YAMLSeq, item: unknown): string {
    const [from, to] = collection.flow ? this.betweenCommas(collection, item) : this.withOneBlank(...this.linesOf(item));
    if (this.hasComment(from, to)) throw new EditError(`A comment stands in what would be removed; remove it in the text (line ${this.lineOf(from)}).`);
    return this.text.slice(0, from) + this.text.slice(to);
  }

  lineOf(at: number): number {
    return this.text.slice(0, at).split("\n").length;
  }

  /** Of the blank lines before and behind some lines that go, one goes as well. */
  private withOneBlank(from: number, to: number): [number, number] {
    const above = this.lineStart(from - 1);
    const isBlank = (start: number): boolean => this.text.slice(start, this.lineEnd(start)).trim() === "";
    return from > 0 && isBlank(above) && isBlank(to) ? [above, to] : [from, to];
  }

  private betweenCommas(collection: YAMLMap | YAMLSeq, item: unknown): [number, number] {
    const items = collection.items as unknown[];
    const at = items.indexOf(item);
    const [before, after] = [items[at - 1], items[at + 1]];
    if (before !== undefined) return [this.endOf(before), this.endOf(item)];
    return [spanOf(item).from, after === undefined ? this.endOf(item) : spanOf(after).from];
  }

  private linesOf(item: unknown): [number, number] {
    const end = this.endOf(item);
    const from = this.lineStart(spanOf(item).from);
    const isAlone = /^\s*(- *)?$/.test(this.text.slice(from, spanOf(item).from));
    if (!isAlone || this.text.slice(end, this.lineEnd(end)).trim() !== "") {
      throw new EditError(`Something else stands in the lines that would be removed; remove it in the text (line ${this.lineOf(from)}).`);
    }
    const to = this.nextLine(end);
    const isLast = to === this.text.length && !this.text.endsWith("\n");
    return isLast && from > 0 ? [this.lineEnd(from - 1), to] : [from, to];
  }
}

export function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => nameOf(pair) === key);
}

export function nameOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

export function rangeOf(node: unknown): [number, number, number] {
  const range = (node as Ranged | null)?.range;
  if (range === undefined || range === null) throw new EditError("This part of the text cannot be found.");
  return range;
}

/** From where to where a pair or a value is written. */
function spanOf(item: unknown): { from: number; to: number } {
  if (typeof item === "object" && item !== null && "key" in item) {
    const pair = item as Pair;
    const from = rangeOf(pair.key)[0];
    const value = (pair.value as Ranged | null)?.range;
    return { from, to: Math.max(value?.[1] ?? 0, rangeOf(pair.key)[1]) };
  }
  const [from, to] = rangeOf(item);
  return { from, to };
}

export function startOf(item: unknown): number {
  return spanOf(item).from;
}

function commentsOf(text: string): [number, number][] {
  const found: [number, number][] = [];
  let at = 0;
  for (const token of new Lexer().lex(text)) {
    const kind = CST.tokenType(token);
    if (kind === "doc-mode" || kind === "flow-error-end" || kind === "scalar") continue; // they stand for no text
    if (kind === "comment") found.push([at, at + token.length]);
    at += token.length;
  }
  return found;
}
