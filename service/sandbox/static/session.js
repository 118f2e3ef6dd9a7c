/** One ordering session: what was chosen and changed. It can be written as the end of a link and read from it. */

/** @typedef {import("./record.js").Resource} Resource */
/** @typedef {import("./record.js").Edit} Edit */
/**
 * @typedef {object} Session
 * @property {string} patient the case whose record it is, or "" for a record that was pasted
 * @property {Edit[]} edits changes of that record
 * @property {Resource[]} drafts orders that are not signed yet
 * @property {string[]} selected references of the drafts that are being picked
 * @property {Resource[]} signed orders that were signed in this session
 * @property {string[]} withheld prefetch keys that the EHR does not send
 * @property {string} jurisdiction
 * @property {string} profile
 * @property {string} on the day of the call, or "" for the service's own day
 */

const DAY = /^(\d{4}-\d\d-\d\d)(T.*)?$/;

/** Begin with a patient. @param {string} patient @param {{jurisdiction: string, profile: string}} site @returns {Session} */
export function begun(patient, site) {
  const { jurisdiction, profile } = site;
  return { patient, edits: [], drafts: [], selected: [], signed: [], withheld: [], jurisdiction, profile, on: "" };
}

/**
 * Write a session as a fragment; browsers never send one. A pasted record stays out of it.
 * @param {Session} session @param {string} today
 * @returns {string}
 */
export function asFragment(session, today) {
  if (session.patient === "") return "";
  const bytes = new TextEncoder().encode(JSON.stringify({ ...session, today }));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/**
 * Read a fragment; the dates in it move along, so that a link shows the same on every day. Null for anything else.
 * @param {string} fragment @param {string} today
 * @returns {Session | null}
 */
export function fromFragment(fragment, today) {
  try {
    const bytes = Uint8Array.from(atob(fragment.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    const { today: then, ...session } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const lists = ["edits", "drafts", "selected", "signed", "withheld"].every((name) => Array.isArray(session[name]));
    const texts = ["patient", "jurisdiction", "profile", "on"].every((name) => typeof session[name] === "string");
    return lists && texts && DAY.test(then) ? movedBy(session, daysBetween(then, today)) : null;
  } catch {
    return null;
  }
}

/** @param {string} from @param {string} to @returns {number} */
export function daysBetween(from, to) {
  return Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000);
}

/** @param {string} day @param {number} days @returns {string} */
export function addDays(day, days) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** Move every date of a value. @template T @param {T} value @param {number} days @returns {T} */
export function movedBy(value, days) {
  if (Array.isArray(value)) return /** @type {any} */ (value.map((item) => movedBy(item, days)));
  if (value !== null && typeof value === "object") {
    return /** @type {any} */ (Object.fromEntries(Object.entries(value).map(([name, item]) => [name, movedBy(item, days)])));
  }
  const day = typeof value === "string" ? DAY.exec(value) : null;
  return /** @type {any} */ (day && days !== 0 ? addDays(day[1], days) + (day[2] ?? "") : value);
}
