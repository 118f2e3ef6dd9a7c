/** Read a JSON list of markdown texts and write the list of what a reader sees of each. */

import { readFileSync } from "node:fs";

import { parse } from "../../service/sandbox/static/markdown.js";

const seen = (node) => (typeof node === "string" ? node : node.children.map(seen).join(""));
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map((text) => parse(text).map(seen).join("\n"))));
