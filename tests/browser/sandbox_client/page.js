// The page: a call for each change of the draft, the cards of every service, and what a click does.
import { discovered, feedback, hook, Refused } from "./calls.js";
import { Draft } from "./draft.js";

const ORDER = ["critical", "warning", "info"];
const byId = (id) => document.getElementById(id);
const setup = await (await fetch("setup.json")).json();
const draft = new Draft(setup.patient, new Date().toISOString().slice(0, 10));
const context = { patientId: setup.patient, userId: "Practitioner/COREPRACTITIONER1" };
const shown = new Map();
let services = [];

function element(name, text, parent) {
  const made = document.createElement(name);
  made.textContent = text;
  parent.append(made);
  return made;
}

// Does one thing after the other, and shows whoever watches the page that it is at it.
async function doing(action) {
  document.body.dataset.busy = "yes";
  try {
    await action();
  } catch (error) {
    byId("problem").textContent = error instanceof Refused ? error.message : String(error);
  }
  delete document.body.dataset.busy;
}

async function exchange(hookName, more) {
  byId("problem").textContent = "";
  byId("draft").textContent = draft.drug?.text ?? "nothing chosen";
  const asked = services.filter((service) => service.hook === hookName);
  await Promise.all(asked.map((service) => cardsOf(service, { ...context, ...more })));
  await show();
}

async function cardsOf(service, asked) {
  try {
    shown.set(service, (await hook(setup, service, asked)).cards);
  } catch (error) {
    // A failed call clears the cards; the body of the answer is not shown.
    shown.set(service, []);
    byId("problem").textContent = error instanceof Refused ? error.message : String(error);
  }
}

const select = () =>
  exchange("order-select", { selections: ["MedicationRequest/request-123"], draftOrders: draft.bundle() });

async function show() {
  const all = [...shown].flatMap(([service, cards]) => cards.map((card) => ({ service, card })));
  all.sort((one, other) => ORDER.indexOf(one.card.indicator) - ORDER.indexOf(other.card.indicator));
  const made = await Promise.all(all.map(({ service, card }) => article(service, card)));
  byId("cards").replaceChildren(...made);
}

async function article(service, card) {
  const made = document.createElement("article");
  made.dataset.indicator = card.indicator;
  element("h2", card.summary, made);
  const detail = element("div", "", made);
  // Markdown, and raw HTML in it is rendered: whoever writes a card has to escape.
  detail.innerHTML = await (await fetch("markdown", { method: "POST", body: card.detail ?? "" })).text();
  element("p", card.source?.label ?? "", made);
  for (const suggestion of card.suggestions ?? []) {
    element("button", suggestion.label, made).onclick = () => doing(() => accept(service, card, suggestion));
  }
  // Without a uuid there is no Dismiss.
  if (card.uuid) {
    element("button", "Dismiss", made).onclick = () => doing(() => dismiss(service, card, made));
    for (const reason of card.overrideReasons ?? []) {
      const override = element("button", `Override: ${reason.display}`, made);
      override.onclick = () => doing(() => dismiss(service, card, made, reason));
    }
  }
  return made;
}

async function accept(service, card, suggestion) {
  if (card.uuid && suggestion.uuid) {
    const acceptedSuggestions = [{ id: suggestion.uuid }];
    await feedback(setup, service, { card: card.uuid, outcome: "accepted", acceptedSuggestions });
  }
  if (draft.apply(suggestion)) await select();
}

// Hides the card until the next exchange with its service; of a reason, code and system are told.
async function dismiss(service, card, made, reason) {
  const overrideReason = reason && { reason: { code: reason.code, system: reason.system } };
  const kept = shown.get(service).filter((other) => other.uuid !== card.uuid);
  shown.set(service, kept);
  made.remove();
  await feedback(setup, service, { card: card.uuid, outcome: "overridden", ...(overrideReason && { overrideReason }) });
}

function onClick(id, action) {
  byId(id).onclick = () => doing(action);
}

onClick("view", () => exchange("order-select", {}));
onClick("condition", () => {
  draft.because(setup.condition);
  return select();
});
onClick("choose", () => {
  const [text, code] = byId("medication").value.split("|");
  draft.choose({ text, code });
  return select();
});
onClick("sign", () => exchange("order-sign", { draftOrders: draft.bundle() }));

await doing(async () => {
  services = await discovered(setup);
  byId("services").textContent = services.map((service) => service.id).join(" ");
  await select();
});
