import MarkdownIt from "markdown-it";
import { createElement, type ReactNode } from "react";
import { visible } from "../lib/format";

// HTML in the text is text; what is rendered are React nodes made from tokens, never a string of HTML.
const parser = new MarkdownIt({ html: false, linkify: false, typographer: false });

const BLOCKS = new Set([
  "p", "blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "em", "strong", "s",
]);
const HEADINGS: Record<string, string> = { h1: "h4", h2: "h5", h3: "h6", h4: "h6", h5: "h6", h6: "h6" };

type Token = ReturnType<typeof parser.parse>[number];

/** Text in Markdown. Links lead to http and https alone; pictures are named and not fetched. */
export default function Markdown({ text }: { text: string }) {
  return <div className="markdown">{render(parser.parse(visible(text), {}))}</div>;
}

function render(tokens: readonly Token[]): ReactNode[] {
  const open: { tag: string; token: Token | null; inside: ReactNode[] }[] = [{ tag: "", token: null, inside: [] }];
  tokens.forEach((token, index) => {
    const top = open[open.length - 1];
    if (top === undefined) return;
    if (token.nesting === 1) {
      open.push({ tag: token.hidden ? "" : token.tag, token, inside: [] });
    } else if (token.nesting === -1) {
      const done = open.length > 1 ? open.pop() : undefined;
      if (done) open[open.length - 1]?.inside.push(element(done.tag, done.token, done.inside, index));
    } else {
      top.inside.push(leaf(token, index));
    }
  });
  return open[0]?.inside ?? [];
}

function element(tag: string, token: Token | null, inside: ReactNode[], key: number): ReactNode {
  if (tag === "a") {
    const address = webAddress(String(token?.attrGet("href") ?? ""));
    if (address === null) return <span key={key}>{inside}</span>;
    return (
      <a key={key} href={address} target="_blank" rel="noopener noreferrer">
        {inside}
      </a>
    );
  }
  if (tag === "table") {
    return (
      <div key={key} className="scroll" tabIndex={0} role="region" aria-label="table">
        <table className="grid">{inside}</table>
      </div>
    );
  }
  const name = HEADINGS[tag] ?? (BLOCKS.has(tag) ? tag : "span");
  return createElement(name, { key }, ...inside);
}

function leaf(token: Token, key: number): ReactNode {
  switch (token.type) {
    case "inline":
      return <span key={key}>{render(token.children ?? [])}</span>;
    case "text":
    case "text_special":
      return token.content;
    case "softbreak":
      return "\n";
    case "hardbreak":
      return <br key={key} />;
    case "code_inline":
      return <code key={key}>{token.content}</code>;
    case "code_block":
    case "fence":
      return (
        <pre key={key} tabIndex={0}>
          {token.content}
        </pre>
      );
    case "hr":
      return <hr key={key} />;
    case "image":
      return (
        <span key={key} className="faint">
          [picture: {token.content || "without a name"}]
        </span>
      );
    default:
      return token.content;
  }
}

function webAddress(text: string): string | null {
  try {
    const address = new URL(text);
    return address.protocol === "https:" || address.protocol === "http:" ? address.href : null;
  } catch {
    return null;
  }
}
