/** Markdown that was read, as elements. */

import { el } from "./dom.js";
import { parse } from "./markdown.js";

/** @typedef {import("./markdown.js").Block} Block */
/** @typedef {import("./markdown.js").Inline} Inline */

/**
 * Make the elements of a markdown text.
 * @param {string} text
 * @returns {HTMLElement}
 */
export function markdown(text) {
  return el("div", { class: "markdown" }, ...parse(text).map(made));
}

/** @param {Block | Inline} node @returns {Node} */
function made(node) {
  if (typeof node === "string") return document.createTextNode(node);
  const attributes = "attributes" in node ? node.attributes : {};
  const element = el(node.tag, attributes, ...node.children.map(made));
  // A table may be wider than a side panel; whoever has no mouse must be able to move it.
  return node.tag === "table" ? el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table" }, element) : element;
}
