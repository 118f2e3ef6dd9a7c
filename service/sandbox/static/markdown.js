/**
 * GitHub-flavoured markdown as far as cards use it, read into plain data and made of text nodes and a fixed set of elements.
 * HTML in it is text; a picture is its description; a link is one only to http or https.
 */

/** @typedef {string | {tag: string, attributes?: Record<string, string>, children: Inline[]}} Inline */
/** @typedef {{tag: string, children: (Inline | Block)[]}} Block */

const ESCAPABLE = /[!-/:-@[-`{-~]/;
const ENTITIES = /** @type {Record<string, string>} */ ({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" });
const ITEM = /^(?:([-*+])|(\d{1,9})[.)])\s+/;
const RULER = /^\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?$/;
const BREAKS = [/^#{1,6}\s/, /^>/, /^(```|~~~)/, ITEM, /^([-*_]\s*){3,}$/];

const DEEPEST_QUOTE = 8;

/**
 * Read a text into blocks.
 * @param {string} text
 * @param {number} [depth] of the quotation that it stands in
 * @returns {Block[]}
 */
export function parse(text, depth = 0) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks = /** @type {Block[]} */ ([]);
  let at = 0;
  while (at < lines.length) {
    const line = lines[at].trim();
    if (line === "") {
      at += 1;
      continue;
    }
    const [block, next] = blockAt(lines, at, line, depth);
    blocks.push(block);
    at = next;
  }
  return blocks;
}

/** @param {string[]} lines @param {number} at @param {string} line @param {number} depth @returns {[Block, number]} */
function blockAt(lines, at, line, depth) {
  if (line.includes("|") && at + 1 < lines.length && RULER.test(lines[at + 1].trim())) return table(lines, at);
  if (/^(```|~~~)/.test(line)) return fenced(lines, at, line.slice(0, 3));
  if (/^([-*_]\s*){3,}$/.test(line)) return [{ tag: "hr", children: [] }, at + 1];
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  // A card is a part of a page whose headings are above it.
  if (heading) return [{ tag: "h4", children: inline(heading[2]) }, at + 1];
  if (line.startsWith(">") && depth < DEEPEST_QUOTE) return quoted(lines, at, depth);
  if (ITEM.test(line)) return list(lines, at, line);
  return paragraph(lines, at);
}

/** @param {string[]} lines @param {number} from @param {(line: string) => boolean} goesOn @returns {number} */
function endOf(lines, from, goesOn) {
  let at = from;
  while (at < lines.length && lines[at].trim() !== "" && goesOn(lines[at].trim())) at += 1;
  return at;
}

/** @param {string[]} lines @param {number} at @returns {[Block, number]} */
function paragraph(lines, at) {
  const end = endOf(lines, at + 1, (line) => !BREAKS.some((begin) => begin.test(line)));
  return [{ tag: "p", children: inline(lines.slice(at, end).map((line) => line.trim()).join(" ")) }, end];
}

/** @param {string[]} lines @param {number} at @param {string} fence @returns {[Block, number]} */
function fenced(lines, at, fence) {
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
  return [{ tag: "pre", children: [lines.slice(at + 1, end).join("\n")] }, end + 1];
}

/** @param {string[]} lines @param {number} at @param {number} depth @returns {[Block, number]} */
function quoted(lines, at, depth) {
  const end = endOf(lines, at, (line) => line.startsWith(">"));
  const inner = lines.slice(at, end).map((line) => line.trim().replace(/^>\s?/, ""));
  return [{ tag: "blockquote", children: parse(inner.join("\n"), depth + 1) }, end];
}

/** @param {string[]} lines @param {number} at @param {string} first @returns {[Block, number]} */
function list(lines, at, first) {
  const ordered = Boolean(ITEM.exec(first)?.[2]);
  const items = /** @type {string[]} */ ([]);
  const end = endOf(lines, at, (line) => {
    const begin = ITEM.exec(line);
    if (begin && Boolean(begin[2]) !== ordered) return false;
    if (begin) items.push(line.slice(begin[0].length));
    else items[items.length - 1] += ` ${line}`;
    return true;
  });
  return [{ tag: ordered ? "ol" : "ul", children: items.map((item) => ({ tag: "li", children: inline(item) })) }, end];
}

/** @param {string[]} lines @param {number} at @returns {[Block, number]} */
function table(lines, at) {
  const end = endOf(lines, at + 2, (line) => line.includes("|"));
  const head = cells(lines[at]);
  const row = (/** @type {string} */ line) => {
    const found = cells(line);
    return { tag: "tr", children: head.map((_, index) => ({ tag: "td", children: inline(found[index] ?? "") })) };
  };
  const titles = head.map((title) => ({ tag: "th", attributes: { scope: "col" }, children: inline(title) }));
  const thead = { tag: "thead", children: [{ tag: "tr", children: titles }] };
  return [{ tag: "table", children: [thead, { tag: "tbody", children: lines.slice(at + 2, end).map(row) }] }, end];
}

/** Split a row at the bars that no backslash stands before. @param {string} line @returns {string[]} */
function cells(line) {
  const inner = line.trim().replace(/^\|/, "").replace(/(?<!\\)((?:\\\\)*)\|$/, "$1");
  return (inner.match(/(?:\\.|[^|\\])+|(?<=\|)(?=\|)|^(?=\|)/g) ?? []).map((cell) => cell.trim());
}

const SPANS = [
  { at: /^\\([\s\S])/, make: (/** @type {string[]} */ [all, char]) => (ESCAPABLE.test(char) ? char : all) },
  { at: /^(`+)([\s\S]*?[^`])\1(?!`)/, make: (/** @type {string[]} */ [, , code]) => ({ tag: "code", children: [code.trim()] }) },
  { at: /^!\[((?:\\.|[^\]\\])*)\]\([^()\s]*(?:\s+"[^"]*")?\)/, make: (/** @type {string[]} */ [, text]) => unescaped(text) },
  { at: /^\[((?:\\.|[^\]\\])*)\]\(<?([^()\s<>]*)>?(?:\s+"[^"]*")?\)/, make: (/** @type {string[]} */ [, text, url]) => link(inline(text), unescaped(url)) },
  { at: /^<(https?:\/\/[^\s<>]+)>/, make: (/** @type {string[]} */ [, url]) => link([url], url) },
  { at: /^https?:\/\/[^\s<|]*[^\s<|.,:;!?'")*_~]/, make: (/** @type {string[]} */ [url]) => link([url], url) },
  { at: /^\*\*(?=\S)((?:\\.|[^\\])*?\S)\*\*/, make: (/** @type {string[]} */ [, text]) => ({ tag: "strong", children: inline(text) }) },
  { at: /^\*(?=\S)((?:\\.|[^\\*])*?\S)\*/, make: (/** @type {string[]} */ [, text]) => ({ tag: "em", children: inline(text) }) },
  { at: /^&(amp|lt|gt|quot|apos|nbsp);/, make: (/** @type {string[]} */ [, name]) => ENTITIES[name] },
  { at: /^(?:[^\\`![<h*&]+|.)/s, make: (/** @type {string[]} */ [text]) => text },
];

/** @param {string} text @returns {Inline[]} */
function inline(text) {
  const made = /** @type {Inline[]} */ ([]);
  for (let rest = text; rest !== ""; ) {
    for (const { at, make } of SPANS) {
      const found = at.exec(rest);
      if (!found) continue;
      const node = make([...found]);
      const last = made.length - 1;
      if (typeof node === "string" && typeof made[last] === "string") made[last] += node;
      else made.push(node);
      rest = rest.slice(found[0].length);
      break;
    }
  }
  return made;
}

/** @param {Inline[]} children @param {string} url @returns {Inline} */
function link(children, url) {
  if (!/^https?:\/\//i.test(url)) return { tag: "span", children };
  return { tag: "a", attributes: { href: url, rel: "noreferrer noopener", target: "_blank" }, children };
}

/** @param {string} text */
function unescaped(text) {
  return text.replace(/\\([!-/:-@[-`{-~])/g, "$1");
}
