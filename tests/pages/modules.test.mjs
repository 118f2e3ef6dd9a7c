/** The logic of the sandbox page without a browser: `node --test tests/pages/modules.test.mjs`. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { placeOf, rangeOf, rowsOf } from "../../service/sandbox/static/bars.js";
import { sorted } from "../../service/sandbox/static/cards_view.js";
import { fitting } from "../../service/sandbox/static/combobox.js";
import { parse } from "../../service/sandbox/static/markdown.js";
import { draftFields, edited, editsOf, fieldsOf, nameOf, refOf, statusOf, withDay, withText } from "../../service/sandbox/static/record.js";
import { accepted, bundled, draftOf, freeId, hookRequest, overridden, pasted, resourcesOf, uuid } from "../../service/sandbox/static/requests.js";
import { addDays, asFragment, begun, daysBetween, fromFragment, movedBy } from "../../service/sandbox/static/session.js";
import { applied } from "../../service/sandbox/static/suggestions.js";
import { verdictOf } from "../../service/sandbox/static/verdict.js";

const NOW = new Date("2026-03-16T12:00:00Z");
const SITE = { jurisdiction: "us", profile: "spec" };
const order = (id, more = {}) => ({ resourceType: "MedicationRequest", id, status: "draft", ...more });

test("a session comes back from its link as it was", () => {
  const session = { ...begun("a-case", SITE), drafts: [order("draft-1", { note: "Ä 漢 😀" })], selected: ["MedicationRequest/draft-1"] };
  const fragment = asFragment(session, "2026-03-16");
  assert.match(fragment, /^[A-Za-z0-9_-]+$/);
  assert.deepEqual(fromFragment(fragment, "2026-03-16"), session);
});

test("on another day the dates of a link have moved along", () => {
  const session = { ...begun("a-case", SITE), edits: [{ ref: "a/b", path: ["authoredOn"], value: "2026-02-28T10:00:00Z" }], on: "2026-03-20" };
  const moved = fromFragment(asFragment(session, "2026-03-16"), "2026-03-18");
  assert.equal(moved.edits[0].value, "2026-03-02T10:00:00Z");
  assert.equal(moved.on, "2026-03-22");
});

test("a pasted record is never put into a link", () => {
  assert.equal(asFragment({ ...begun("", SITE), drafts: [order("a")] }, "2026-03-16"), "");
});

for (const fragment of ["", "x", "!!!", btoa("null"), btoa("{}"), btoa('{"edits": 1}'), "w7_Dvw"]) {
  test(`a fragment that is no session is none: ${fragment}`, () => assert.equal(fromFragment(fragment, "2026-03-16"), null));
}

test("days are counted over the change to summer time and leap days", () => {
  assert.equal(daysBetween("2026-03-28", "2026-03-30"), 2);
  assert.equal(addDays("2024-02-28", 1), "2024-02-29");
  assert.deepEqual(movedBy({ a: ["2026-01-31", "2026", 5, null], b: "x 2026-01-31" }, 1), { a: ["2026-02-01", "2026", 5, null], b: "x 2026-01-31" });
});

test("a text is put where nothing was, and what holds nothing is gone again", () => {
  const path = ["dosageInstruction", 0, "timing", "repeat", "boundsPeriod", "end"];
  const before = order("a");
  const after = withText(before, path, "2026-03-16");
  assert.deepEqual(after.dosageInstruction, [{ timing: { repeat: { boundsPeriod: { end: "2026-03-16" } } } }]);
  assert.equal(before.dosageInstruction, undefined);
  assert.equal(withText(after, path, "").dosageInstruction?.[0], undefined);
});

test("an edit changes the one resource that it names", () => {
  const record = [order("a"), order("b")];
  const after = edited(record, [{ ref: "MedicationRequest/b", path: ["status"], value: "stopped" }]);
  assert.deepEqual(after.map((item) => item.status), ["draft", "stopped"]);
  assert.equal(record[1].status, "draft");
});

test("the hour of a dose stays when its day is changed", () => {
  assert.equal(withDay("2026-02-23T10:00:00-06:00", "2026-01-01"), "2026-01-01T10:00:00-06:00");
  assert.equal(withDay("2026-02", "2026-01-01"), "2026-01-01");
  assert.equal(withDay("2026-02-23", ""), "");
});

test("an infusion that is moved ends on its new day", () => {
  const infusion = { resourceType: "MedicationAdministration", id: "i", effectivePeriod: { start: "2026-02-23T10:00:00Z", end: "2026-02-23T12:10:00Z" } };
  const given = fieldsOf(infusion).find((field) => field.label === "Given");
  const [after] = edited([infusion], editsOf(infusion, given, withDay(given.value, "2026-01-01")));
  assert.deepEqual(after.effectivePeriod, { start: "2026-01-01T10:00:00Z", end: "2026-01-01T12:10:00Z" });
});

test("odd resources have a name, a status and fields", () => {
  for (const resource of [{ resourceType: "MedicationRequest" }, { resourceType: "Condition", clinicalStatus: "active" }, { resourceType: "MedicationStatement", medicationCodeableConcept: { coding: {} } }, { resourceType: "Basic", code: 5 }]) {
    assert.equal(nameOf(resource), "without a name");
    assert.equal(typeof statusOf(resource), "string");
    fieldsOf(resource);
    draftFields(resource);
  }
});

const TEMPLATES = { patient: "Patient/{{context.patientId}}", drugs: "MedicationRequest?patient={{context.patientId}}", other: "Observation?date=gt{{today()}}" };
const RECORD = [{ resourceType: "Patient", id: "p" }, order("a")];

test("prefetch answers the templates of discovery", () => {
  const made = hookRequest({ id: "s", hook: "order-select", title: "", prefetch: TEMPLATES }, { record: RECORD, drafts: [order("d")], selected: ["MedicationRequest/d"], withheld: [] }, uuid());
  assert.deepEqual(Object.keys(made.prefetch), ["patient", "drugs"]);
  assert.equal(made.prefetch.patient.id, "p");
  assert.deepEqual(bundled(made.prefetch.drugs).map(refOf), ["MedicationRequest/a"]);
  assert.deepEqual(made.context.selections, ["MedicationRequest/d"]);
});

test("what is withheld is not sent, and nothing found is null or empty", () => {
  const from = { record: [], drafts: [], selected: [], withheld: ["drugs"] };
  const made = hookRequest({ id: "s", hook: "patient-view", title: "", prefetch: TEMPLATES }, from, uuid());
  assert.deepEqual(made.prefetch, { patient: null });
  assert.equal("draftOrders" in made.context, false);
});

test("order-sign has no selections", () => {
  const made = hookRequest({ id: "s", hook: "order-sign", title: "" }, { record: RECORD, drafts: [order("d")], selected: ["x"], withheld: [] }, uuid());
  assert.equal("selections" in made.context, false);
});

test("feedback is as the standard has it", () => {
  assert.deepEqual(accepted("c", "s", NOW), { feedback: [{ card: "c", outcome: "accepted", acceptedSuggestions: [{ id: "s" }], outcomeTimestamp: "2026-03-16T12:00:00.000Z" }] });
  const reason = { code: "other", system: "urn:x" };
  assert.deepEqual(overridden("c", reason, "why", NOW).feedback[0].overrideReason, { reason, userComment: "why" });
  assert.equal("overrideReason" in overridden("c", null, "", NOW).feedback[0], false);
});

test("a uuid is one, and another each time", () => {
  assert.match(uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.notEqual(uuid(), uuid());
});

test("a request and a line of a recording are told apart, and anything else is posted as it is", () => {
  const request = { hook: "order-select", context: {} };
  assert.deepEqual(pasted(JSON.stringify(request)), { request, posted: JSON.stringify(request) });
  assert.deepEqual(pasted(JSON.stringify({ hook: "order-select", request })), { request, posted: JSON.stringify(request) });
  assert.deepEqual(pasted("{"), { request: null, posted: "{" });
  assert.deepEqual(pasted("5"), { request: null, posted: "5" });
});

test("resources are found whatever the keys of a prefetch are", () => {
  assert.deepEqual(resourcesOf({ a: order("a"), b: { resourceType: "Bundle", entry: [{ resource: order("b") }, {}, null] }, c: null, d: "x" }).map(refOf), ["MedicationRequest/a", "MedicationRequest/b"]);
  assert.deepEqual(resourcesOf(undefined), []);
});

test("a draft has the code of the medicine, or its text alone", () => {
  const at = { id: "draft-1", patient: "p", today: "2026-03-16" };
  assert.equal(draftOf({ text: "Rinvoq", code: "2196900" }, at).medicationCodeableConcept.coding[0].code, "2196900");
  assert.deepEqual(draftOf({ text: "<b>x</b>" }, at).medicationCodeableConcept, { text: "<b>x</b>" });
  assert.equal(freeId([order("draft-1"), order("draft-3")]), "draft-2");
});

const next = () => "draft-9";

test("a deletion takes the drafts that it names and no other", () => {
  const drafts = [order("a"), order("b"), order("c")];
  const named = applied(drafts, { actions: [{ type: "delete", resourceId: "MedicationRequest/a" }, { type: "delete", resourceId: ["MedicationRequest/c"] }] }, next);
  assert.deepEqual(named.drafts.map(refOf), ["MedicationRequest/b"]);
  assert.deepEqual(named.touched, ["MedicationRequest/b"]);
});

test("a new order and a change are picked, and the rest of the drafts stay", () => {
  const done = applied([order("a"), order("b")], { actions: [{ type: "create", resource: { resourceType: "MedicationRequest" } }, { type: "update", resource: order("b", { note: 1 }) }] }, next);
  assert.deepEqual(done.drafts, [order("a"), order("b", { note: 1 }), order("draft-9")]);
  assert.deepEqual(done.touched, ["MedicationRequest/draft-9", "MedicationRequest/b"]);
});

test("what is no draft is left alone, and said", () => {
  const actions = [{ type: "delete", resourceId: "MedicationRequest/x" }, { type: "update", resource: order("x") }, { type: "explode" }];
  const done = applied([order("a")], { actions }, next);
  assert.deepEqual([done.drafts, done.left], [[order("a")], actions]);
  assert.deepEqual(applied([order("a")], {}, next).drafts, [order("a")]);
});

const WINDOW = { dosing: 70, washout: 50 };
const exposure = (...because) => ({ exposures: [{ ingredient: "infliximab", state: "current", because: because.map((item) => ({ window: WINDOW, dates: {}, ...item })) }] });
const kinds = (...because) => rowsOf(exposure(...because), "2026-03-16")[0].bars.map((bar) => `${bar.kind} ${bar.from} ${bar.to}`);

test("a dose counts for its window, and what is left after it", () => {
  assert.deepEqual(kinds({ basis: "administration", dates: { given: "2026-02-23T10:00:00Z" }, lastExposure: "2026-02-23", window: { dosing: 28, washout: 70 } }), ["dose 2026-02-23 2026-02-23", "dosing 2026-02-23 2026-03-23", "washout 2026-03-23 2026-05-04"]);
});

test("after a recorded stop only what is left counts", () => {
  assert.deepEqual(kinds({ basis: "stop", dates: { start: "2025-08-04" }, stop: "2026-02-24" }), ["therapy 2025-08-04 2026-02-24", "washout 2026-02-24 2026-04-15"]);
});

test("what is in force goes on from today", () => {
  assert.deepEqual(kinds({ basis: "active", dates: { authored: "2025-12-01" } }), ["therapy 2025-12-01 2026-03-16", "open 2026-03-16 "]);
  assert.deepEqual(kinds({ basis: "active", dates: { start: "2026-04-01", end: "2026-05-01" } }), ["open 2026-04-01 2026-05-01"]);
  assert.deepEqual(kinds({ basis: "draft", dates: { start: "2026-03-20", end: "2026-04-01" } }), ["order 2026-03-20 2026-04-01"]);
});

test("bars lie in the range, cut off at its ends", () => {
  const range = { from: "2026-01-01", to: "2026-01-11" };
  assert.deepEqual(placeOf({ kind: "therapy", from: "2025-01-01", to: "2026-01-05" }, range), { left: 0, width: 0.5 });
  assert.deepEqual(placeOf({ kind: "open", from: "2026-01-06", to: "" }, range), { left: 0.5, width: 0.5 });
  assert.equal(placeOf({ kind: "therapy", from: "2025-01-01", to: "2025-02-01" }, range), null);
  const rows = rowsOf(exposure({ basis: "active", dates: { authored: "1999-01-01" } }), "2026-03-16");
  assert.deepEqual(rangeOf(rows, "2026-03-16"), { from: "2025-03-16", to: "2026-06-24" });
});

const answer = (status, cards) => ({ exchange: { status, ms: 1.25, json: null, path: "", request: "", text: "", requestId: "" }, hook: "order-sign", cards });

test("cards are sorted by severity, as they came within one, and one of no known indicator is kept", () => {
  const cards = ["x", "info", "critical", "warning", "info"].map((indicator, at) => ({ indicator, at }));
  assert.deepEqual(sorted(cards).map((card) => card.at), [2, 3, 1, 4, 0]);
});

test("silence is said only of an empty list that is there", () => {
  assert.deepEqual(verdictOf(answer(200, []), "Before. "), { text: "Before. order-sign: checked, nothing to say. 1.3 ms.", tone: "good" });
  for (const broken of [answer(200, null), answer(500, null), answer(412, null), answer(0, null), answer(500, [])]) {
    const { text, tone } = verdictOf(broken);
    assert.equal(tone, "critical");
    assert.doesNotMatch(text, /nothing to say/);
  }
});

test("cards are counted by indicator, the loudest first", () => {
  const cards = [{ indicator: "info" }, { indicator: "warning" }, { indicator: "info" }];
  assert.deepEqual(verdictOf(answer(200, cards)), { text: "order-sign: 1 warning, 2 info. 1.3 ms.", tone: "warning" });
  assert.equal(verdictOf(answer(200, [{ indicator: "info" }])).tone, "info");
});

test("a medicine is found by brand or name, those that begin so first", () => {
  const orders = [{ text: "2 ML xadalimumab" }, { text: "0.4 ML adalimumab [Humira]", names: ["adalimumab", "Humira"] }, { text: "metformin" }];
  assert.deepEqual(fitting(orders, "adali").map((item) => item.text), ["0.4 ML adalimumab [Humira]", "2 ML xadalimumab"]);
  assert.deepEqual(fitting(orders, "HUM"), [orders[1]]);
  assert.deepEqual([fitting(orders, " "), fitting(orders, "zzz")], [[], []]);
});

const inside = (text) => parse(text)[0].children;

for (const [text, made] of [
  ["<img src=x onerror=alert(1)>", ["<img src=x onerror=alert(1)>"]],
  ["\\<b\\> \\*x\\*", ["<b> *x*"]],
  ["[x](javascript:alert(1))", ["[x](javascript:alert(1))"]],
  ["[x](javascript:void)", [{ tag: "span", children: ["x"] }]],
  ["[x](data:text/html,1)", [{ tag: "span", children: ["x"] }]],
  ["![alt](https://evil.example/x.png)", ["alt"]],
  ["**a *b* c**", [{ tag: "strong", children: ["a ", { tag: "em", children: ["b"] }, " c"] }]],
  ["2 * 3 ** 4", ["2 * 3 ** 4"]],
  ["`<b>` &lt;i&gt; &copy;", [{ tag: "code", children: ["<b>"] }, " <i> &copy;"]],
]) {
  test(`markdown: ${text}`, () => assert.deepEqual(inside(text), made));
}

test("a link is one to the web, in a tab of its own that knows nothing of ours", () => {
  const attributes = { href: "https://a.example/?x=1", rel: "noreferrer noopener", target: "_blank" };
  assert.deepEqual(inside("[x](https://a.example/?x=1)"), [{ tag: "a", attributes, children: ["x"] }]);
  assert.deepEqual(inside("<https://a.example/?x=1>")[0].attributes, attributes);
});

test("text that could be anything ends, and soon", () => {
  for (const text of ["*".repeat(5000), "[".repeat(5000), "`".repeat(5000), "|".repeat(5000), "\\".repeat(5001), "> ".repeat(2000), "**a".repeat(2000)]) parse(text);
});
