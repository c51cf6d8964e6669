// Makes the edits that it reads, a list as JSON in each line, with the page's own module; answers in a line.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const edits = await import(pathToFileURL(process.argv[2]).href);

function make([what, text, ...rest]) {
  try {
    return { text: edits[what](text, ...rest) };
  } catch (error) {
    if (!(error instanceof edits.EditError)) throw error;
    return { refused: error.message };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(make))}\n`);
}
