/** The state of the page and what it asks of the service: one session, its calls, and the answer that is shown. */

import { call, post } from "./calls.js";
import { edited } from "./record.js";
import { accepted, freeId, hookRequest, overridden, signedOrder, uuid } from "./requests.js";
import { begun } from "./session.js";
import { applied } from "./suggestions.js";

/** @typedef {import("./record.js").Resource} Resource */
/** @typedef {import("./calls.js").Exchange} Exchange */
/**
 * @typedef {object} Answer
 * @property {Exchange} exchange
 * @property {string} hook
 * @property {boolean} real whether it came from the public address
 * @property {any[] | null} cards null where there is no list of cards, whatever the reason
 * @property {any} explanation or null
 * @property {string} text the explanation in words, or why there is none
 * @property {any} timeline the explanation that has exposures
 */

export class Desk {
  /** @param {any} site the data of the page @param {any[]} services as discovery announces them @param {boolean} calls whether the public address answers the page */
  constructor(site, services, calls) {
    this.site = site;
    this.services = services;
    this.calls = calls;
    this.session = begun(site.patients[0].case, site);
    this.pasted = /** @type {Resource[] | null} */ (null);
    this.signing = false;
    this.overridden = /** @type {Map<string, string>} */ (new Map());
    this.told = /** @type {{exchange: Exchange, said: string}[]} */ ([]);
    this.answer = /** @type {Answer | null} */ (null);
    this.turn = 0;
  }

  get patient() {
    return this.site.patients.find((/** @type {any} */ item) => item.case === this.session.patient);
  }

  /** @returns {Resource[]} */
  get record() {
    return [...edited(this.pasted ?? this.patient?.record ?? [], this.session.edits), ...this.session.signed];
  }

  get hook() {
    return this.session.drafts.length === 0 ? "patient-view" : this.signing ? "order-sign" : "order-select";
  }

  /** The conditions that differ from those of the site; with any of them the answer is not that of the public address. */
  get conditions() {
    const { jurisdiction, profile, on } = this.session;
    const asked = { jurisdiction, profile, on: on === this.site.today ? "" : on };
    const own = { jurisdiction: this.site.jurisdiction, profile: this.site.profile, on: "" };
    return new URLSearchParams(Object.entries(asked).filter(([name, value]) => value !== own[/** @type {"on"} */ (name)]));
  }

  get isReal() {
    return this.calls && this.conditions.size === 0;
  }

  nextId() {
    return freeId([...this.session.drafts, ...this.record]);
  }

  /** Ask with the session as it is. @returns {Promise<Answer | null>} null where a later question overtook this one */
  async ask() {
    const service = this.services.find((item) => item.hook === this.hook);
    const { drafts, selected, withheld } = this.session;
    return this.run(service.id, JSON.stringify(hookRequest(service, { record: this.record, drafts, selected, withheld }, uuid())));
  }

  /** Post a request as it is, and have it explained. @param {string} service @param {string} request @returns {Promise<Answer | null>} */
  async run(service, request) {
    const turn = ++this.turn;
    const path = `sandbox/explain?${this.conditions}`;
    // The call first, and alone: the time that is shown is its own.
    const real = this.isReal ? await call(service, request, { tokens: this.site.tokens }) : null;
    const explained = await post(path, request);
    const exchange = real ?? asAnswer(explained);
    const explanation = explained.json?.explanation ?? null;
    const timeline = explanation?.exposures ? explanation : await this.chart();
    // An answer that was overtaken is never shown.
    if (turn !== this.turn) return null;
    const cards = exchange.status === 200 && Array.isArray(exchange.json?.cards) ? exchange.json.cards : null;
    const text = explained.json?.text ?? "The request could not be explained; see the response.";
    const hook = this.services.find((item) => item.id === service).hook;
    this.answer = { exchange, hook, real: real !== null, cards, explanation, text, timeline };
    this.overridden = new Map();
    return this.answer;
  }

  /** What counts of the record alone, for an order that is none of ours. */
  async chart() {
    const service = this.services.find((item) => item.hook === "patient-view");
    const from = { record: this.record, drafts: [], selected: [], withheld: this.session.withheld };
    const explained = await post(`sandbox/explain?${this.conditions}`, JSON.stringify(hookRequest(service, from, uuid())));
    return explained.json?.explanation ?? null;
  }

  /** Accept a suggestion: the drafts change, and it is fed back. @param {any} card @param {any} suggestion @returns {Promise<string>} what was not done */
  async accept(card, suggestion) {
    const done = applied(this.session.drafts, suggestion, (drafts) => freeId([...drafts, ...this.record]));
    this.session = { ...this.session, drafts: done.drafts, selected: done.touched };
    if (card.uuid && suggestion.uuid) await this.tell(JSON.stringify(accepted(card.uuid, suggestion.uuid, new Date())), `accepted: ${suggestion.label}`);
    return done.left.length ? `Not applied, it is no draft of this session: ${done.left.map((action) => action.description ?? action.type).join("; ")}.` : "";
  }

  /** Override a card. @param {any} card @param {any} reason @param {string} comment */
  async override(card, reason, comment) {
    const { code, system, display } = reason;
    this.overridden.set(card.uuid, display ?? code);
    await this.tell(JSON.stringify(overridden(card.uuid, { code, system, display }, comment, new Date())), `overridden: ${display ?? code}`);
  }

  /** Feed back what became of a card of the public address; others were never issued. @param {string} body @param {string} said */
  async tell(body, said) {
    if (!this.answer?.real) return;
    const service = this.answer.exchange.path.split("/")[1];
    const exchange = await call(service, body, { tokens: this.site.tokens, feedback: true });
    this.told = [{ exchange, said }, ...this.told];
  }

  /** Sign: the drafts become orders in force. */
  sign() {
    const { drafts, signed } = this.session;
    this.session = { ...this.session, drafts: [], selected: [], signed: [...signed, ...drafts.map((draft) => signedOrder(draft, this.site.today))] };
    this.signing = false;
  }
}

/** Show what the sandbox was asked as the answer that it holds. @param {Exchange} explained @returns {Exchange} */
function asAnswer(explained) {
  const response = explained.json?.response;
  return response ? { ...explained, json: response, text: JSON.stringify(response) } : explained;
}
