/** The page: what is clicked changes the session, and each change asks the service again. */

import { showExchange, showExplanation, showFeedback, tabs } from "./behind_view.js";
import { get } from "./calls.js";
import { isLoud, showCards } from "./cards_view.js";
import { combobox } from "./combobox.js";
import { showConditions, wireConditions } from "./conditions_view.js";
import { Desk } from "./desk.js";
import { byId, el } from "./dom.js";
import { showDrafts } from "./orders_view.js";
import { nameOf, refOf } from "./record.js";
import { showRecord } from "./record_view.js";
import { draftOf } from "./requests.js";
import { wireRunner } from "./runner_view.js";
import { asFragment, begun, fromFragment } from "./session.js";
import { showTimeline } from "./timeline_view.js";
import { verdictOf } from "./verdict.js";

/** @typedef {import("./record.js").Resource} Resource */

const calls = document.body.querySelector("[data-calls]")?.getAttribute("data-calls") === "yes";
const desk = await begin();

async function begin() {
  try {
    const [site, discovery] = await Promise.all([get("sandbox/data"), get("cds-services")]);
    return new Desk(site, discovery.services, calls);
  } catch (error) {
    say(`The page cannot begin: ${error instanceof Error ? error.message : error}. Reload it when the service is up.`, "critical");
    throw error;
  }
}

/** @param {string} text @param {string} [tone] */
function say(text, tone = "") {
  const said = byId("said");
  said.textContent = text;
  said.className = `said ${tone}`;
}

/** @param {Partial<import("./session.js").Session>} changes */
function change(changes) {
  desk.session = { ...desk.session, ...changes };
  return refresh();
}

/** Ask again and show the answer. @param {{focus?: boolean, note?: string, request?: {service: string, text: string}}} [how] */
async function refresh({ focus = false, note = "", request } = {}) {
  history.replaceState(null, "", `#${desk.pasted ? "" : asFragment(desk.session, desk.site.today)}`);
  byId("answer").setAttribute("aria-busy", "true");
  const answer = request ? await desk.run(request.service, request.text) : await desk.ask();
  if (answer === null) return;
  byId("answer").setAttribute("aria-busy", "false");
  showAnswer(answer, note);
  if (focus) byId("answer-title").focus();
}

/** @param {import("./desk.js").Answer} answer @param {string} note */
function showAnswer(answer, note) {
  const { exchange, real } = answer;
  byId("whatif").hidden = real;
  byId("whatif-conditions").textContent = [...desk.conditions].map(([name, value]) => `${name} ${value}`).join(", ") || "no call without a token";
  const { text, tone } = verdictOf(answer, note);
  say(text, tone);
  drawCards();
  showTimeline(byId("timeline"), answer.timeline, desk.session.on || desk.site.today);
  const about = real ? "as an EHR calls it" : "asked of the sandbox, not of the public address";
  showExchange({ request: byId("panel-request"), response: byId("panel-response") }, exchange, about);
  showExplanation(byId("panel-explanation"), answer.text, "The very assessment that made the cards, in words: what was read, as what, and which dates decided. No FHIR server is asked for it.");
  drawSigning();
}

function drawCards() {
  showCards(byId("cards"), desk.answer?.cards ?? [], {
    accept: async (card, suggestion) => {
      const left = await desk.accept(card, suggestion);
      if (desk.session.drafts.length === 0) desk.signing = false;
      drawDrafts();
      showFeedback(byId("panel-feedback"), desk.told);
      const did = (suggestion.actions ?? []).length ? "The drafts changed, and the hook was fired again." : "Advice: no order changed. The hook was fired again.";
      await refresh({ focus: true, note: `${left || did} ` });
    },
    override: async (card, reason, comment) => {
      await desk.override(card, reason, comment);
      showFeedback(byId("panel-feedback"), desk.told);
      drawCards();
      drawSigning();
      byId("answer-title").focus();
    },
  }, desk.overridden);
}

function drawDrafts() {
  const problems = desk.record.filter((resource) => resource.resourceType === "Condition");
  showDrafts(byId("drafts"), desk.session.drafts, problems, {
    changed: (draft) => {
      const ref = refOf(draft);
      change({ drafts: desk.session.drafts.map((item) => (refOf(item) === ref ? draft : item)), selected: [ref] });
    },
    removed: (ref) => {
      const drafts = desk.session.drafts.filter((item) => refOf(item) !== ref);
      if (drafts.length === 0) desk.signing = false;
      desk.session = { ...desk.session, drafts, selected: drafts.map(refOf) };
      drawDrafts();
      byId("order").focus();
      refresh();
    },
  });
  drawSigning();
}

function drawSigning() {
  const open = (desk.answer?.cards ?? []).filter((card) => isLoud(card) && !desk.overridden.has(card.uuid)).length;
  const failed = desk.answer !== null && desk.answer.cards === null;
  byId("sign").hidden = desk.signing;
  byId("sign").disabled = desk.session.drafts.length === 0;
  byId("back").hidden = byId("complete").hidden = !desk.signing;
  byId("complete").disabled = open > 0;
  byId("signing").textContent = !desk.signing ? "" : open > 0
    ? `Before signing: answer ${open === 1 ? "the warning" : `${open} warnings`} below, by a suggestion or with a reason.`
    : failed ? "The check failed. A real EHR lets you sign all the same; verify by hand." : "Nothing is left to answer.";
}

/** Show a session from its beginning. @param {{request?: {service: string, text: string}}} [how] */
function drawAll(how = {}) {
  byId("patient").value = desk.pasted ? "" : desk.session.patient;
  byId("look").textContent = desk.pasted ? "The record and the drafts of the pasted request. Nothing of it is put into the link." : (desk.patient?.look ?? "");
  showConditions(desk);
  showRecord(byId("record"), desk.record, (edits) => {
    change({ edits: [...desk.session.edits, ...edits] });
    return desk.record.find((resource) => refOf(resource) === edits[0].ref);
  });
  drawDrafts();
  return refresh(how);
}

/** Begin anew with a patient. @param {string} patient */
function choose(patient) {
  const { jurisdiction, profile, on, withheld } = desk.session;
  desk.pasted = null;
  desk.signing = false;
  desk.session = { ...begun(patient, { jurisdiction, profile }), on, withheld };
  return drawAll();
}

/** @param {import("./combobox.js").Order} order */
function order(order) {
  const patient = desk.record.find((resource) => resource.resourceType === "Patient")?.id ?? "sandbox-patient";
  const draft = draftOf(order, { id: desk.nextId(), patient, today: desk.session.on || desk.site.today });
  desk.session = { ...desk.session, drafts: [...desk.session.drafts, draft], selected: [refOf(draft)] };
  drawDrafts();
  refresh();
}

function wire() {
  byId("patient").replaceChildren(
    ...desk.site.patients.map((/** @type {any} */ item) => el("option", { value: item.case }, item.title)),
    el("option", { value: "", disabled: true }, "A pasted request"),
  );
  byId("patient").addEventListener("change", () => choose(byId("patient").value));
  wireConditions(desk, change);
  combobox(byId("order"), byId("order-list"), desk.site.orders, order);
  byId("sign").addEventListener("click", () => { desk.signing = true; refresh({ focus: true }); });
  byId("back").addEventListener("click", () => { desk.signing = false; refresh(); byId("sign").focus(); });
  byId("complete").addEventListener("click", () => {
    const names = desk.session.drafts.map(nameOf).join(", ");
    desk.sign();
    drawAll().then(() => say(`Signed: ${names}. The orders are in the record now.`, "good"));
    byId("order").focus();
  });
  byId("again").addEventListener("click", () => choose(desk.session.patient || desk.site.patients[0].case));
  byId("link").addEventListener("click", async () => {
    if (desk.pasted) return say("A pasted request is not put into a link: it may hold a patient.", "info");
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is in the clipboard. Nothing in it is sent to a server.", "good");
    } catch {
      say("Copy the address of this page: it reproduces this state.", "info");
    }
  });
  wireRunner(desk, (request) => drawAll({ request }));
  tabs(byId("tabs"));
  showFeedback(byId("panel-feedback"), desk.told);
  window.addEventListener("hashchange", restore);
}

/** Take up the session of the link, if it has one. */
function restore() {
  const found = fromFragment(location.hash.slice(1), desk.site.today);
  const known = found !== null && desk.site.patients.some((/** @type {any} */ item) => item.case === found.patient);
  desk.pasted = null;
  desk.signing = false;
  desk.session = known ? found : begun(desk.site.patients[0].case, desk.site);
  return drawAll();
}

wire();
await restore();
document.body.dataset.ready = "yes";
