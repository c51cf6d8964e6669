/** What is written in a workflow, as far as an edit looks at it. */
export interface Loose {
  nodes?: Record<string, { depends_on?: unknown; foreach?: unknown; inputs?: Record<string, unknown>; outputs?: unknown }>;
}

const TOKEN = /\$\$\{|\$\{([^{}]*)\}/g;

/** Which references of a workflow are to what one of its nodes makes. */
export class References {
  private readonly names: readonly string[];

  constructor(said: Loose, private readonly node: string) {
    this.names = Object.keys(said.nodes ?? {}).sort((one, other) => other.length - one.length);
  }

  /** Whether one stands in a text, or in one somewhere in a value. */
  areIn(value: unknown): boolean {
    if (typeof value === "string") return [...value.matchAll(TOKEN)].some((found) => this.isMeant(found[1]));
    if (Array.isArray(value)) return value.some((one) => this.areIn(one));
    if (typeof value === "object" && value !== null) return Object.values(value).some((one) => this.areIn(one));
    return false;
  }

  /** Whether a value is one, and nothing else. */
  are(value: unknown): boolean {
    if (typeof value !== "string") return false;
    return this.isMeant(/^\s*\$\{([^{}]*)\}\s*$/.exec(value)?.[1]);
  }

  private isMeant(body: string | undefined): boolean {
    const said = body?.trim() ?? "";
    return this.names.find((name) => said === name || said.startsWith(`${name}.`)) === this.node; // the longest name that fits
  }
}
