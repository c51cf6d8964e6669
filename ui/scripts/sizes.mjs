// Says how large the page is, compressed, and fails where it is larger than it may be.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_VIEW = 350_000;
const IN_ALL = 1_100_000;
const folder = new URL("../../src/binex/server/static/", import.meta.url).pathname;
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
const sizes = files.map((one) => {
  const path = join(one.parentPath, one.name);
  return { path: path.slice(folder.length), size: gzipSync(readFileSync(path), { level: 9 }).length };
});
const html = readFileSync(join(folder, "index.html"), "utf8");
const first = sizes.filter(({ path }) => path === "index.html" || html.includes(path));
const sum = (list) => list.reduce((total, { size }) => total + size, 0);
for (const { path, size } of sizes.sort((a, b) => b.size - a.size).slice(0, 12)) {
  console.log(`${String(Math.round(size / 100) / 10).padStart(7)} kB  ${path}`);
}
console.log(`first view ${Math.round(sum(first) / 1000)} kB, in all ${Math.round(sum(sizes) / 1000)} kB, gzipped`);
if (sum(first) > FIRST_VIEW || sum(sizes) > IN_ALL) {
  console.error(`more than ${FIRST_VIEW / 1000} kB at first, or than ${IN_ALL / 1000} kB in all`);
  process.exit(1);
}
