/** The bars of the timeline, worked out from the exposures that the service explains: days, not pixels. */

import { addDays, daysBetween } from "./session.js";

/** @typedef {{kind: "therapy" | "open" | "dosing" | "washout" | "dose" | "order", from: string, to: string}} Bar */
/** @typedef {{ingredient: string, state: string, said: string, bars: Bar[]}} Row */

const BEFORE = 365;
const AFTER = 200;

/**
 * Make a row for each ingredient of an explanation.
 * @param {{exposures?: any[]}} explanation
 * @returns {Row[]}
 */
export function rowsOf(explanation, today = "") {
  return (explanation.exposures ?? []).map((exposure) => ({
    ingredient: exposure.ingredient,
    state: exposure.state,
    said: told(exposure.because[0]),
    bars: exposure.because.flatMap((/** @type {any} */ item) => barsOf(item, today)),
  }));
}

const BASES = /** @type {Record<string, string>} */ ({
  draft: "a draft of this session", active: "in force in the record", lapse: "lapsed, and nobody stopped it",
  administration: "by the last dose given", dispense: "by the last supply", stop: "by a recorded stop", replaced: "replaced by a draft",
});

/** Say what decided. @param {any} item @returns {string} */
function told(item) {
  const parts = [BASES[item.basis] ?? item.basis];
  if (item.stop) parts.push(`stopped ${item.stop}`);
  else if (item.lastExposure) parts.push(`last exposure ${item.lastExposure}`);
  if (item.until) parts.push(`${item.state === "past" ? "counted" : "counts"} until ${item.until}`);
  if ((item.lastExposure || item.stop) && item.state !== "past") parts.push(`dosing window ${item.window.dosing} days, washout ${item.window.washout} days`);
  return parts.join("; ");
}

/** @param {any} item @param {string} today @returns {Bar[]} */
function barsOf(item, today) {
  const dates = Object.fromEntries(Object.entries(item.dates).map(([name, value]) => [name, String(value).slice(0, 10)]));
  const first = dates.start ?? dates.given ?? dates.authored ?? dates.asserted;
  if (item.basis === "draft") {
    const from = dates.start ?? today;
    return [{ kind: "order", from, to: dates.end ?? addDays(from, 56) }];
  }
  if (item.basis === "active") return inForce(first ?? today, dates.end, today);
  const last = item.stop ?? item.lastExposure;
  if (!last) return [];
  const bars = /** @type {Bar[]} */ ([]);
  if (dates.given) bars.push({ kind: "dose", from: dates.given, to: dates.given });
  if (first && first < last) bars.push({ kind: "therapy", from: first, to: last });
  const dosed = addDays(last, item.window.dosing);
  // After a recorded stop nothing counts as in force: only what is left in the body.
  if (!item.stop) bars.push({ kind: "dosing", from: last, to: dosed });
  const washed = addDays(last, item.window.washout);
  const from = item.stop ? last : dosed;
  if (washed > from) bars.push({ kind: "washout", from, to: washed });
  return bars;
}

/** Until today it is what happened, from there on what the record lets expect. @param {string} first @param {string | undefined} end @param {string} today @returns {Bar[]} */
function inForce(first, end, today) {
  if (end !== undefined && end <= today) return [{ kind: "therapy", from: first, to: end }];
  const goesOn = { kind: /** @type {const} */ ("open"), from: first > today ? first : today, to: end ?? "" };
  return first < today ? [{ kind: "therapy", from: first, to: today }, goesOn] : [goesOn];
}

/**
 * Choose the days that the timeline shows: all bars, as far as they are near today.
 * @param {Row[]} rows @param {string} today
 * @returns {{from: string, to: string}}
 */
export function rangeOf(rows, today) {
  const ends = rows.flatMap((row) => row.bars.flatMap((bar) => [bar.from, bar.to].filter(Boolean)));
  const offsets = ends.map((day) => daysBetween(today, day));
  const before = Math.min(BEFORE, Math.max(90, ...offsets.map((days) => -days)) + 10);
  const after = Math.min(AFTER, Math.max(90, ...offsets) + 10);
  return { from: addDays(today, -before), to: addDays(today, after) };
}

/**
 * Give the place of a bar in a range, from 0 to 1, cut off at its ends; null if it lies outside.
 * @param {Bar} bar @param {{from: string, to: string}} range
 * @returns {{left: number, width: number} | null}
 */
export function placeOf(bar, range) {
  const whole = daysBetween(range.from, range.to);
  const at = (/** @type {string} */ day) => daysBetween(range.from, day) / whole;
  const left = Math.max(0, at(bar.from));
  // A day lasts until the next one begins; without an end the bar goes on.
  const right = Math.min(1, bar.to === "" ? 1 : at(addDays(bar.to, 1)));
  return right > left && left < 1 ? { left, width: right - left } : null;
}
