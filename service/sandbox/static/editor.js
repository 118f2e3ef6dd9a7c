/** A form for the dates, the status and the texts of one resource. A change tells the new text; nothing is sent from here. */

import { el } from "./dom.js";
import { withDay } from "./record.js";

/** @typedef {import("./record.js").Field} Field */

/**
 * Make the fields of a form.
 * @param {string} id of the resource, unique on the page
 * @param {Field[]} fields
 * @param {(field: Field, value: string) => void} changed
 * @returns {HTMLElement}
 */
export function editor(id, fields, changed) {
  return el("div", { class: "fields" }, ...fields.map((field, at) => fieldOf(`${id}-${at}`, field, changed)));
}

/** @param {string} id @param {Field} field @param {(field: Field, value: string) => void} changed */
function fieldOf(id, field, changed) {
  let before = field.value;
  const tell = (/** @type {string} */ value) => {
    if (value === before) return;
    before = value;
    changed(field, value);
  };
  const input = /** @type {HTMLInputElement} */ (inputOf(id, field));
  input.addEventListener("change", () => tell(field.kind === "date" ? withDay(before, input.value) : input.value));
  return el("div", { class: "field" }, el("label", { for: id }, field.label), input, partOf(field));
}

/** @param {string} id @param {Field} field */
function inputOf(id, field) {
  if (field.kind === "choice") {
    const known = field.choices ?? [];
    const choices = field.value === "" || known.includes(field.value) ? known : [field.value, ...known];
    const none = field.value === "" ? [el("option", { value: "", selected: true }, "not stated")] : [];
    return el("select", { id }, ...none, ...choices.map((choice) => el("option", { value: choice, selected: choice === field.value }, choice)));
  }
  const value = field.kind === "date" && field.value.length >= 10 ? field.value.slice(0, 10) : field.kind === "date" ? "" : field.value;
  return el("input", { id, type: field.kind === "date" ? "date" : "text", value });
}

/** A date that is only a month or a year cannot be shown by a date field. @param {Field} field */
function partOf(field) {
  return field.kind === "date" && field.value !== "" && field.value.length < 10 ? el("span", { class: "muted small" }, `recorded as ${field.value}`) : null;
}
