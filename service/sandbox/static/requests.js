/** What an EHR posts: hook requests with the prefetch that discovery asked for, and feedback. */

/** @typedef {import("./record.js").Resource} Resource */
/** @typedef {{id: string, hook: string, title: string, prefetch?: Record<string, string>}} Service */
/** @typedef {{uuid?: string, summary: string, overrideReasons?: object[], suggestions?: object[]}} Card */

export const USER = "Practitioner/sandbox-page";

/**
 * Make the request of a hook for a service.
 * @param {Service} service
 * @param {{record: Resource[], drafts: Resource[], selected: string[], withheld: string[]}} from
 * @param {string} hookInstance
 * @returns {Record<string, any>}
 */
export function hookRequest(service, from, hookInstance) {
  const patient = from.record.find((resource) => resource.resourceType === "Patient");
  const context = /** @type {Record<string, any>} */ ({ userId: USER, patientId: patient?.id ?? "sandbox-patient" });
  if (service.hook !== "patient-view") {
    if (service.hook === "order-select") context.selections = from.selected;
    context.draftOrders = {
      resourceType: "Bundle", type: "collection", entry: from.drafts.map((resource) => ({ resource })),
    };
  }
  return { hook: service.hook, hookInstance, context, prefetch: prefetched(service.prefetch ?? {}, from) };
}

/**
 * Answer the prefetch templates of a service from the record: a read, or a search by type. Other templates are left out.
 * @param {Record<string, string>} templates
 * @param {{record: Resource[], withheld: string[]}} from
 */
function prefetched(templates, from) {
  const found = /** @type {Record<string, any>} */ ({});
  for (const [key, template] of Object.entries(templates)) {
    const read = /^(\w+)(\/\{\{context\.patientId\}\}|\?patient=\{\{context\.patientId\}\})$/.exec(template);
    if (!read || from.withheld.includes(key)) continue;
    const ofType = from.record.filter((resource) => resource.resourceType === read[1]);
    found[key] = read[2].startsWith("/")
      ? (ofType[0] ?? null)
      : { resourceType: "Bundle", type: "searchset", total: ofType.length, entry: ofType.map((resource) => ({ resource })) };
  }
  return found;
}

/**
 * Tell that a suggestion was accepted.
 * @param {string} card @param {string} suggestion @param {Date} now
 */
export function accepted(card, suggestion, now) {
  return entry({ card, outcome: "accepted", acceptedSuggestions: [{ id: suggestion }] }, now);
}

/**
 * Tell that a card was overridden, with the reason and what the clinician wrote.
 * @param {string} card @param {Record<string, unknown> | null} reason @param {string} comment @param {Date} now
 */
export function overridden(card, reason, comment, now) {
  const said = { ...(reason ? { reason } : {}), ...(comment ? { userComment: comment } : {}) };
  return entry({ card, outcome: "overridden", ...(Object.keys(said).length ? { overrideReason: said } : {}) }, now);
}

/** @param {Record<string, unknown>} told @param {Date} now */
function entry(told, now) {
  return { feedback: [{ ...told, outcomeTimestamp: now.toISOString() }] };
}

/**
 * Take a pasted text apart: a hook request, or a line of a recording that holds one. What is neither is posted all the same.
 * @param {string} text
 * @returns {{request: Record<string, any> | null, posted: string}}
 */
export function pasted(text) {
  let read = null;
  try {
    read = JSON.parse(text);
  } catch {
    return { request: null, posted: text };
  }
  const isLine = typeof read?.hook !== "object" && !read?.context && read?.request !== null && typeof read?.request === "object";
  if (isLine) return { request: read.request, posted: JSON.stringify(read.request) };
  return { request: read !== null && typeof read === "object" ? read : null, posted: text };
}

/** Collect the resources of a prefetch, whatever its keys. @param {Record<string, any>} prefetch @returns {Resource[]} */
export function resourcesOf(prefetch) {
  return Object.values(prefetch ?? {}).flatMap((value) =>
    value?.resourceType === "Bundle" ? bundled(value) : value?.resourceType ? [value] : [],
  );
}

/** @param {any} bundle @returns {Resource[]} */
export function bundled(bundle) {
  return (Array.isArray(bundle?.entry) ? bundle.entry : []).map((/** @type {any} */ item) => item?.resource).filter((/** @type {any} */ item) => item?.resourceType);
}

/** Make a draft order of a medicine. @param {{text: string, code?: string, dose?: string}} order @param {{id: string, patient: string, today: string}} at @returns {Resource} */
export function draftOf(order, at) {
  const coding = order.code ? { coding: [{ system: "http://www.nlm.nih.gov/research/umls/rxnorm", code: order.code, display: order.text }] } : {};
  return {
    resourceType: "MedicationRequest", id: at.id, status: "draft", intent: "order",
    medicationCodeableConcept: { ...coding, text: order.text },
    subject: { reference: `Patient/${at.patient}` }, authoredOn: at.today,
    ...(order.dose ? { dosageInstruction: [{ text: order.dose }] } : {}),
  };
}

/** Turn a draft into an order in force, as signing does. @param {Resource} draft @param {string} today @returns {Resource} */
export function signedOrder(draft, today) {
  return { ...draft, status: "active", authoredOn: draft.authoredOn ?? today };
}

/** Give an id that nothing of the session has. @param {Resource[]} taken @returns {string} */
export function freeId(taken) {
  const ids = new Set(taken.map((resource) => resource.id));
  let number = 1;
  while (ids.has(`draft-${number}`)) number += 1;
  return `draft-${number}`;
}

/** Make a random UUID; `crypto.randomUUID` is only there over https and on this machine. @returns {string} */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
