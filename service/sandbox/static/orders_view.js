/** The draft orders on the page. */

import { el } from "./dom.js";
import { editor } from "./editor.js";
import { draftFields, nameOf, refOf, withText } from "./record.js";

/** @typedef {import("./record.js").Resource} Resource */

/**
 * Show the drafts.
 * @param {HTMLElement} place
 * @param {Resource[]} drafts
 * @param {Resource[]} problems
 * @param {{changed: (draft: Resource) => void, removed: (ref: string) => void}} on
 */
export function showDrafts(place, drafts, problems, on) {
  if (drafts.length === 0) {
    place.replaceChildren(el("p", { class: "empty" }, "No order yet. Type a medicine above: upadacitinib, Humira, metformin …"));
    return;
  }
  place.replaceChildren(el("ul", { class: "entries drafts" }, ...drafts.map((draft) => entry(draft, problems, on))));
}

/** @param {Resource} draft @param {Resource[]} problems @param {{changed: (draft: Resource) => void, removed: (ref: string) => void}} on */
function entry(draft, problems, on) {
  let now = draft;
  const change = (/** @type {Resource} */ next) => {
    now = next;
    on.changed(now);
  };
  const id = `draft-${refOf(draft).replace("/", "-")}`;
  const form = editor(id, draftFields(draft), (field, value) => change(withText(now, field.path, value)));
  if (problems.length && draft.resourceType === "MedicationRequest") form.append(reason(id, draft, problems, (ref) => change(withReason(now, ref))));
  const replaces = draft.priorPrescription?.reference;
  return el(
    "li", { "data-ref": refOf(draft) },
    el("div", { class: "draft" },
      el("span", { class: "line" }, el("span", { class: "state info" }, "draft"), " ", el("strong", {}, nameOf(draft)), " ",
        el("span", { class: "muted small" }, [draft.dosageInstruction?.[0]?.text, replaces && `replaces ${replaces}`].filter(Boolean).join(", "))),
      el("button", { type: "button", class: "quiet", onclick: () => on.removed(refOf(draft)) }, "Remove", el("span", { class: "visually-hidden" }, ` ${nameOf(draft)}`))),
    el("details", {}, el("summary", {}, el("span", { class: "edit" }, "Dates, dose and reason", el("span", { class: "visually-hidden" }, ` of ${nameOf(draft)}`))), form),
  );
}

/** @param {string} id @param {Resource} draft @param {Resource[]} problems @param {(ref: string) => void} changed */
function reason(id, draft, problems, changed) {
  const given = draft.reasonReference?.[0]?.reference ?? "";
  const select = /** @type {HTMLSelectElement} */ (el("select", { id: `${id}-reason` },
    el("option", { value: "" }, "not stated"),
    ...problems.map((problem) => el("option", { value: refOf(problem), selected: refOf(problem) === given }, nameOf(problem)))));
  select.addEventListener("change", () => changed(select.value));
  return el("div", { class: "field" }, el("label", { for: `${id}-reason` }, "Reason"), select);
}

/** @param {Resource} draft @param {string} ref @returns {Resource} */
function withReason(draft, ref) {
  const { reasonReference: _, ...rest } = draft;
  return ref === "" ? rest : { ...rest, reasonReference: [{ reference: ref }] };
}
