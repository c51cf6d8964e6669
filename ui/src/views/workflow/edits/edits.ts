import { isMap, isScalar, isSeq, type YAMLMap } from "yaml";
import { type Loose, References } from "./references";
import { EditError, nameOf, pairOf, rangeOf, Source, startOf } from "./text";

export { EditError } from "./text";

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/;
const RESERVED = new Set(["user", "env", "secret", "node", "item", "index"]);
/** What YAML of some version takes for something else than a text. */
const NEEDS_QUOTES = /^(true|false|null|yes|no|on|off|y|n|[-+.\d].*)$/i;

/** The text with one more node at the end of `nodes`; nothing else of it changes. */
export function addNode(text: string, name: string, agent: string): string {
  if (!NAME.test(name)) throw new EditError("A name has up to 64 letters, digits and - _ . and begins with none of the last.");
  if (RESERVED.has(name)) throw new EditError(`'${name}' means something else in a reference; choose another name.`);
  const source = new Source(text);
  const before = loose(source.value);
  if (Object.hasOwn(before.nodes ?? {}, name)) throw new EditError(`There is a node '${name}' already.`);
  for (const made of placesForNode(source, plain(name), JSON.stringify(agent))) {
    if (isSame(read(made), { ...before, nodes: { ...before.nodes, [name]: { agent } } })) return made;
  }
  throw new EditError("A node cannot be added from here; write it in the text.");
}

function* placesForNode(source: Source, name: string, agent: string): Generator<string> {
  const root = source.root;
  const inFlow = `${name}: {agent: ${agent}}`;
  const known = isMap(root) ? pairOf(root, "nodes") : undefined;
  if (known === undefined) {
    if (root !== null && !(isMap(root) && !root.flow) && !(isScalar(root) && root.value === null)) return;
    const { text, newline } = source;
    yield `${text}${text === "" || text.endsWith("\n") ? "" : newline}nodes:${newline}  ${inFlow}${newline}`;
    return;
  }
  const nodes = known.value;
  if (isScalar(nodes) && nodes.value === null) {
    yield source.insertLines(rangeOf(known.key)[1], [`  ${inFlow}`]);
    return;
  }
  if (!isMap(nodes)) return;
  if (nodes.flow) {
    yield source.insertInFlow(nodes, inFlow);
    return;
  }
  const last = nodes.items.at(-1);
  if (last === undefined) return;
  const indent = source.indentAt(startOf(last));
  const inside = isMap(last.value) && !last.value.flow ? last.value.items[0] : undefined;
  const lines = inside === undefined ? [`${indent}${inFlow}`] : [`${indent}${name}:`, `${source.indentAt(startOf(inside))}agent: ${agent}`];
  const previous = nodes.items.at(-2);
  const isSpaced = previous !== undefined && /\n[ \t]*\r?\n/.test(source.text.slice(source.endOf(previous), startOf(last)));
  if (isSpaced) lines.unshift("");
  yield source.insertLines(source.endOf(last), lines);
  yield source.insertLines(Math.max(0, rangeOf(last.value)[1] - 1), lines); // behind blank lines that belong to a text
}

/** What a connection means: that *after* is given what *before* makes, or only that it comes later. */
export type Connection = "gives" | "order";

/** The text with *after* depending on *before*; nothing else of it changes. */
export function connect(text: string, before: string, after: string, kind: Connection = "gives"): string {
  if (before === after) throw new EditError("A node cannot come after itself.");
  const source = new Source(text);
  const said = loose(source.value);
  if (!Object.hasOwn(said.nodes ?? {}, before)) throw new EditError(`There is no node '${before}' in the text.`);
  const { fields } = source.node(after);
  const inputs = pairOf(fields, "inputs");
  const isGiven = kind === "gives" && inputs !== undefined;
  const made = isGiven ? giveInput(source, inputs.value, before, said) : dependOn(source, fields, before, after);
  const [was, is] = [said.nodes?.[after], read(made).nodes?.[after]];
  const isMeant = isGiven ? isOneMore(was?.inputs, is?.inputs) : listed(is?.depends_on).at(-1) === before && listed(is?.depends_on).length === listed(was?.depends_on).length + 1;
  const field = isGiven ? "inputs" : "depends_on";
  if (!isMeant || !isSame(without(read(made), after, field), without(said, after, field))) {
    throw new EditError("This connection cannot be made from here; write it in the text.");
  }
  return made;
}

function giveInput(source: Source, inputs: unknown, before: string, said: Loose): string {
  if (isScalar(inputs) && inputs.value === null) throw new EditError("The inputs are empty; write the first one in the text.");
  if (!isMap(inputs)) throw new EditError("What stands in inputs is no mapping; change it in the text.");
  const references = new References(said, before);
  if (inputs.items.some((pair) => isScalar(pair.value) && references.are(pair.value.value))) {
    throw new EditError(`It is given what '${before}' makes already.`);
  }
  const names = new Set(inputs.items.map(nameOf));
  let name = before.replace(/\./g, "_");
  for (let number = 2; names.has(name); number++) name = `${before.replace(/\./g, "_")}_${number}`;
  const outputs = listed(said.nodes?.[before]?.outputs);
  const reference = `\${${before}.${outputs[0] ?? "output"}}`;
  if (inputs.flow) return source.insertInFlow(inputs, `${plain(name)}: "${reference}"`);
  const [first, last] = [inputs.items[0], inputs.items.at(-1)];
  if (first === undefined || last === undefined) throw new EditError("The inputs are empty; write the first one in the text.");
  return source.insertLines(source.endOf(last), [`${source.indentAt(startOf(first))}${plain(name)}: ${reference}`]);
}

function dependOn(source: Source, fields: YAMLMap, before: string, after: string): string {
  const known = pairOf(fields, "depends_on");
  if (known === undefined) {
    const line = `depends_on: [${plain(before)}]`;
    if (fields.flow) return source.insertInFlow(fields, line);
    const [first, last] = [fields.items[0], fields.items.at(-1)];
    if (first === undefined || last === undefined) throw new EditError(`The node '${after}' is empty.`);
    return source.insertLines(source.endOf(last), [`${source.indentAt(startOf(first))}${line}`]);
  }
  const list = known.value;
  if (isSeq(list)) {
    if (list.items.some((one) => isScalar(one) && one.value === before)) throw new EditError(`'${after}' depends on '${before}' already.`);
    const last = list.items.at(-1);
    if (list.flow || last === undefined) return source.insertInFlow(list, plain(before));
    const start = source.lineStart(startOf(last));
    const dash = /^ *- */.exec(source.text.slice(start))?.[0];
    if (dash === undefined) throw new EditError("This list cannot be changed from here; change it in the text.");
    return source.insertLines(source.endOf(last), [`${dash}${plain(before)}`]);
  }
  if (isScalar(list) && typeof list.value === "string") {
    if (list.value === before) throw new EditError(`'${after}' depends on '${before}' already.`);
    const [from, to] = rangeOf(list);
    return `${source.text.slice(0, from)}[${source.text.slice(from, to)}, ${plain(before)}]${source.text.slice(to)}`;
  }
  throw new EditError("What stands in depends_on is no list; change it in the text.");
}

/** The text with *after* no longer depending on *before*, where only a list and inputs of its own say so. */
export function disconnect(text: string, before: string, after: string): string {
  const said = loose(new Source(text).value);
  const node = said.nodes?.[after];
  const references = new References(said, before);
  for (const [field, value] of Object.entries(node ?? {})) {
    if (field === "inputs" || field === "depends_on") continue;
    if (references.areIn(value) || (field === "foreach" && value === before)) {
      throw new EditError(`'${field}' of '${after}' speaks of '${before}'; change that in the text.`);
    }
  }
  for (const [name, value] of Object.entries(node?.inputs ?? {})) {
    if (references.areIn(value) && !references.are(value)) {
      throw new EditError(`The input '${name}' of '${after}' has more in it than what '${before}' makes; change that in the text.`);
    }
  }
  const made = withoutInputs(withoutDependency(text, before, after), after, references);
  if (made === text) throw new EditError(`The text of the node does not say that '${after}' comes after '${before}': a file with its prompt does.`);
  const now = read(made);
  const isGone = !references.areIn(now.nodes?.[after]) && !listed(now.nodes?.[after]?.depends_on).includes(before);
  const inner = (one: Loose): unknown => without(without(one, after, "inputs"), after, "depends_on");
  if (!isGone || !isSame(inner(now), inner(said))) throw new EditError("This connection cannot be removed from here; remove it in the text.");
  return made;
}

function withoutDependency(text: string, before: string, after: string): string {
  const source = new Source(text);
  const { fields } = source.node(after);
  const known = pairOf(fields, "depends_on");
  if (known === undefined) return text;
  const list = known.value;
  if (isScalar(list)) return list.value === before ? source.without(fields, known) : text;
  if (!isSeq(list)) return text;
  const item = list.items.find((one) => isScalar(one) && one.value === before);
  if (item === undefined) return text;
  return list.items.length === 1 ? source.without(fields, known) : source.without(list, item);
}

function withoutInputs(text: string, after: string, references: References): string {
  const source = new Source(text);
  const known = pairOf(source.node(after).fields, "inputs");
  const inputs = known?.value;
  if (known === undefined || !isMap(inputs)) return text;
  const item = inputs.items.find((pair) => isScalar(pair.value) && references.are(pair.value.value));
  if (item === undefined) return text;
  if (inputs.items.length > 1) return withoutInputs(source.without(inputs, item), after, references);
  if (inputs.flow) return source.without(inputs, item);
  // Without any input written it would be given everything that it depends on.
  const [from, to] = [rangeOf(known.key)[1], source.endOf(known)];
  if (source.hasComment(from, to)) throw new EditError(`A comment stands in what would be removed; remove it in the text (line ${source.lineOf(from)}).`);
  return `${source.text.slice(0, from)}: {}${source.text.slice(to)}`;
}

/** The text without a node of which no other speaks, and in whose lines there is no comment. */
export function removeNode(text: string, name: string): string {
  const source = new Source(text);
  const said = loose(source.value);
  const others = Object.entries(said.nodes ?? {}).filter(([other]) => other !== name);
  const references = new References(said, name);
  const bound = others.filter(([, node]) => references.areIn(node) || listed(node.depends_on).includes(name) || node.foreach === name);
  if (bound.length > 0) throw new EditError(`${bound.map(([other]) => `'${other}'`).join(", ")} ${bound.length === 1 ? "comes" : "come"} after '${name}'; remove that connection first.`);
  if (others.length === 0) throw new EditError("A workflow has at least one node.");
  const made = source.without(source.nodes(), source.node(name).pair);
  if (!isSame(read(made), { ...said, nodes: Object.fromEntries(others) })) throw new EditError("This node cannot be removed from here; remove it in the text.");
  return made;
}

function plain(name: string): string {
  return NEEDS_QUOTES.test(name) ? JSON.stringify(name) : name;
}

function read(text: string): Loose {
  try {
    return loose(new Source(text).value);
  } catch {
    return {};
  }
}

function loose(value: unknown): Loose {
  return typeof value === "object" && value !== null ? (value as Loose) : {};
}

function listed(value: unknown): unknown[] {
  return Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
}

function without(said: Loose, node: string, field: string): Loose {
  const rest = Object.entries(said.nodes?.[node] ?? {}).filter(([name]) => name !== field);
  return { ...said, nodes: { ...said.nodes, [node]: Object.fromEntries(rest) } };
}

/** Whether two things say the same in the same order. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function isOneMore(was: unknown, is: unknown): boolean {
  const [before, after] = [Object.entries(was ?? {}), Object.entries(is ?? {})];
  return after.length === before.length + 1 && isSame(after.slice(0, -1), before);
}
