/** What a click on a suggestion does to the draft orders (CDS Hooks 2.0.1, Action). */

import { refOf } from "./record.js";

/** @typedef {import("./record.js").Resource} Resource */
/** @typedef {{type: string, resource?: Resource, resourceId?: string | string[], description?: string}} Action */

/**
 * Apply the actions of a suggestion to the drafts. Only drafts are ever changed; what is meant for something else is
 * given back as `left`, for whoever clicks to see.
 * @param {Resource[]} drafts
 * @param {{actions?: Action[]}} suggestion
 * @param {(drafts: Resource[]) => string} nextId
 * @returns {{drafts: Resource[], touched: string[], left: Action[]}}
 */
export function applied(drafts, suggestion, nextId) {
  let now = [...drafts];
  const touched = /** @type {string[]} */ ([]);
  const left = /** @type {Action[]} */ ([]);
  for (const action of suggestion.actions ?? []) {
    if (action.type === "delete") {
      const gone = deleted(action);
      if (!now.some((draft) => gone.includes(refOf(draft)))) left.push(action);
      now = now.filter((draft) => !gone.includes(refOf(draft)));
    } else if (action.type === "create" && action.resource) {
      const made = { status: "draft", ...action.resource, id: nextId(now) };
      now = [...now, made];
      touched.push(refOf(made));
    } else if (action.type === "update" && action.resource && now.some((draft) => refOf(draft) === refOf(/** @type {Resource} */ (action.resource)))) {
      const changed = action.resource;
      now = now.map((draft) => (refOf(draft) === refOf(changed) ? changed : draft));
      touched.push(refOf(changed));
    } else left.push(action);
  }
  return { drafts: now, touched: touched.length ? touched : now.map(refOf), left };
}

/** @param {Action} action @returns {string[]} */
function deleted(action) {
  const named = action.resourceId ?? (action.resource ? refOf(action.resource) : []);
  return Array.isArray(named) ? named : [named];
}
