/** The record on the page: problems, allergies and medicines, each with a form to edit it. */

import { el } from "./dom.js";
import { editor } from "./editor.js";
import { datesOf, editsOf, fieldsOf, isMedication, nameOf, refOf, statusOf } from "./record.js";

/** @typedef {import("./record.js").Resource} Resource */
/** @typedef {import("./record.js").Edit} Edit */

const KINDS = /** @type {Record<string, string>} */ ({
  MedicationRequest: "order", MedicationStatement: "medication list", MedicationAdministration: "dose", MedicationDispense: "supply",
});

/**
 * Show a record.
 * @param {HTMLElement} place
 * @param {Resource[]} record
 * @param {(edits: Edit[]) => Resource | undefined} change tells the change and gets the resource as it is now
 */
export function showRecord(place, record, change) {
  const problems = record.filter((resource) => resource.resourceType === "Condition");
  const medicines = record.filter(isMedication);
  const allergies = record.filter((resource) => resource.resourceType === "AllergyIntolerance");
  place.replaceChildren(
    person(record),
    ...part("Problems", problems, change),
    ...part("Medicines", medicines, change),
    ...(allergies.length ? part("Allergies", allergies, change) : []),
  );
}

/** @param {Resource[]} record */
function person(record) {
  const patient = record.find((resource) => resource.resourceType === "Patient");
  const said = patient ? [patient.gender, patient.birthDate && `born ${patient.birthDate}`].filter(Boolean).join(", ") : "";
  return el("p", { class: "muted small" }, `Synthetic patient${said ? `, ${said}` : ""}`);
}

/** @param {string} title @param {Resource[]} resources @param {(edits: Edit[]) => Resource | undefined} change */
function part(title, resources, change) {
  const list = resources.length
    ? el("ul", { class: "entries" }, ...resources.map((resource) => entry(resource, change)))
    : el("p", { class: "muted" }, "None on record.");
  return [el("h3", {}, title), list];
}

/** @param {Resource} resource @param {(edits: Edit[]) => Resource | undefined} change */
function entry(resource, change) {
  const line = el("span", { class: "line" });
  const say = (/** @type {Resource} */ now) => line.replaceChildren(
    el("span", { class: `state ${statusOf(now) === "active" ? "good" : ""}` }, statusOf(now)), " ", el("strong", {}, nameOf(now)), " ",
    el("span", { class: "muted small" }, [KINDS[now.resourceType], datesOf(now)].filter(Boolean).join(", ")),
  );
  say(resource);
  const ref = refOf(resource);
  const fields = fieldsOf(resource);
  if (fields.length === 0) return el("li", {}, line);
  const form = editor(`edit-${ref.replace("/", "-")}`, fields, (field, value) => {
    const now = change(editsOf(resource, field, value));
    if (now) say(now);
  });
  return el("li", {}, el("details", {}, el("summary", {}, line, " ", el("span", { class: "edit" }, "Edit", el("span", { class: "visually-hidden" }, ` ${nameOf(resource)}`))), form));
}
