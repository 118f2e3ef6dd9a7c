/** Under which conditions the page asks: jurisdiction, client profile, day, and what the EHR sends. */

import { byId, el } from "./dom.js";

/** @typedef {import("./desk.js").Desk} Desk */
/** @typedef {import("./session.js").Session} Session */

const SENT = { medicines: /^Medication/, problems: /^Condition/, allergies: /^AllergyIntolerance/ };

/** Let the conditions be changed. @param {Desk} desk @param {(changes: Partial<Session>) => void} change */
export function wireConditions(desk, change) {
  byId("jurisdiction").replaceChildren(...desk.site.jurisdictions.map((/** @type {any} */ item) => el("option", { value: item.id }, item.name)));
  byId("profile").replaceChildren(...desk.site.profiles.map((/** @type {string} */ name) => el("option", { value: name }, name)));
  byId("jurisdiction").addEventListener("change", () => change({ jurisdiction: byId("jurisdiction").value }));
  byId("profile").addEventListener("change", () => change({ profile: byId("profile").value }));
  byId("on").addEventListener("change", () => change({ on: byId("on").value === desk.site.today ? "" : byId("on").value }));
  for (const [name, type] of Object.entries(SENT)) {
    byId(`send-${name}`).addEventListener("change", () => {
      const keys = keysOf(desk, type);
      const rest = desk.session.withheld.filter((key) => !keys.includes(key));
      change({ withheld: byId(`send-${name}`).checked ? rest : [...rest, ...keys] });
    });
  }
}

/** Show the conditions of the session. @param {Desk} desk */
export function showConditions(desk) {
  const { jurisdiction, profile, on, withheld } = desk.session;
  byId("jurisdiction").value = jurisdiction;
  byId("profile").value = profile;
  byId("on").value = on || desk.site.today;
  for (const [name, type] of Object.entries(SENT)) byId(`send-${name}`).checked = !keysOf(desk, type).some((key) => withheld.includes(key));
}

/** Give the prefetch keys of a kind, as discovery names them. @param {Desk} desk @param {RegExp} type @returns {string[]} */
function keysOf(desk, type) {
  const all = desk.services.flatMap((service) => Object.entries(service.prefetch ?? {}));
  return [...new Set(all.filter(([, template]) => type.test(template)).map(([key]) => key))];
}
