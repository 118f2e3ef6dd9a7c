/** The timeline on the page: for each medicine that is looked at, what counts around today, as a picture and in words. */

import { placeOf, rangeOf, rowsOf } from "./bars.js";
import { el, svg } from "./dom.js";
import { daysBetween } from "./session.js";

const WIDTH = 400;
const HEIGHT = 24;
// Orders and therapy run above the line, what is counted from a dose or a stop below it.
const LANES = /** @type {Record<string, [number, number]>} */ ({ therapy: [2, 8], open: [2, 8], order: [2, 8], dosing: [14, 8], washout: [14, 8] });

/**
 * Show the exposures of an explanation.
 * @param {HTMLElement} place
 * @param {any} explanation
 * @param {string} today
 */
export function showTimeline(place, explanation, today) {
  const rows = rowsOf(explanation ?? {}, today);
  if (rows.length === 0) {
    place.replaceChildren(el("p", { class: "empty" }, "No medicine of the catalogue counts here."));
    return;
  }
  const range = rangeOf(rows, today);
  place.replaceChildren(
    el("ul", { class: "timeline" }, ...rows.map((row) => el("li", {},
      el("div", { class: "line" }, el("strong", {}, row.ingredient), " ", el("span", { class: `state ${tone(row.state)}` }, row.state)),
      picture(row, range, today),
      el("div", { class: "muted small" }, row.said)))),
    axis(range, today),
    legend(new Set(rows.flatMap((row) => row.bars.map((bar) => bar.kind)))),
  );
}

/** @param {string} state */
function tone(state) {
  return state === "ordered" ? "info" : state === "current" ? "warning" : "";
}

/** @param {import("./bars.js").Row} row @param {{from: string, to: string}} range @param {string} today */
function picture(row, range, today) {
  const marks = row.bars.flatMap((bar) => {
    const at = placeOf(bar, range);
    if (!at) return [];
    const x = at.left * WIDTH;
    if (bar.kind === "dose") return [svg("rect", { class: "dose", x: x - 1.5, y: 10, width: 3, height: 14 })];
    const [y, height] = LANES[bar.kind];
    return [svg("rect", { class: bar.kind, x, y, width: Math.max(at.width * WIDTH, 2), height })];
  });
  // Drawn last, a dose stands before the bar that it begins.
  marks.sort((one, other) => Number(one.classList.contains("dose")) - Number(other.classList.contains("dose")));
  // Long ago: there is more to the left of what is shown.
  if (marks.length === 0) marks.push(svg("path", { class: "earlier", d: "M7 6 L1 12 L7 18 Z" }));
  const track = svg("rect", { class: "track", x: 0, y: 11.5, width: WIDTH, height: 1 });
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true", preserveAspectRatio: "none" }, track, ...marks, now(range, today));
}

/** @param {{from: string, to: string}} range @param {string} today */
function now(range, today) {
  const x = (daysBetween(range.from, today) / daysBetween(range.from, range.to)) * WIDTH;
  return svg("line", { class: "today", x1: x, x2: x, y1: 0, y2: HEIGHT });
}

/** @param {{from: string, to: string}} range @param {string} today */
function axis(range, today) {
  return el("p", { class: "axis muted small" }, el("span", {}, range.from), el("span", {}, `today ${today}`), el("span", {}, range.to));
}

const KINDS = /** @type {Record<string, string>} */ ({ order: "this order", therapy: "in force", open: "goes on", dose: "given", dosing: "dosing window", washout: "washout window" });

/** Explain the bars that are there. @param {Set<string>} shown */
function legend(shown) {
  const box = () => ({ viewBox: "0 0 18 12", width: 18, height: 12, "aria-hidden": "true" });
  const sample = (/** @type {string} */ kind) => svg("svg", box(), svg("rect", { class: kind, x: 1, y: 2, width: 16, height: 8 }));
  return el("ul", { class: "legend muted small" }, ...Object.keys(KINDS).filter((kind) => shown.has(kind)).map((kind) => el("li", {}, sample(kind), ` ${KINDS[kind]}`)));
}
