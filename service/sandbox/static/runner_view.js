/** Run a request that was recorded or written by hand: it is posted as it is, and becomes the record and the drafts. */

import { get, getText } from "./calls.js";
import { byId, el } from "./dom.js";
import { refOf } from "./record.js";
import { bundled, pasted, resourcesOf } from "./requests.js";
import { begun } from "./session.js";

/** @typedef {import("./desk.js").Desk} Desk */

/** Let requests be run. @param {Desk} desk @param {(request: {service: string, text: string}) => void} run */
export function wireRunner(desk, run) {
  byId("case").addEventListener("focus", listCases, { once: true });
  byId("case").addEventListener("change", async () => {
    const name = encodeURIComponent(byId("case").value);
    byId("paste").value = await getText(`sandbox/cases/${name}`).catch(() => byId("paste").value);
  });
  byId("run").addEventListener("click", () => {
    run(taken(desk, byId("paste").value));
    byId("answer-title").focus();
  });
}

async function listCases() {
  const { cases } = await get("sandbox/cases");
  byId("case-list").replaceChildren(...cases.map((/** @type {string} */ name) => el("option", { value: name })));
}

/** Make a session of what can be read of a text, and say where to post it. @param {Desk} desk @param {string} text */
function taken(desk, text) {
  const { request, posted } = pasted(text);
  const service = desk.services.find((item) => item.hook === request?.hook) ?? desk.services[0];
  const drafts = bundled(request?.context?.draftOrders);
  const selections = request?.context?.selections;
  desk.pasted = resourcesOf(request?.prefetch);
  desk.signing = request?.hook === "order-sign";
  desk.session = { ...begun("", desk.session), on: desk.session.on, drafts, selected: Array.isArray(selections) ? selections : drafts.map(refOf) };
  return { service: service.id, text: posted };
}
