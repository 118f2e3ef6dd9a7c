/** Cards on the page, as CDS Hooks says they are shown: indicator, summary, detail, source, suggestions, links, overrides. */

import { el } from "./dom.js";
import { markdown } from "./markdown_view.js";

/** @typedef {Record<string, any>} Card */
/** @typedef {{accept: (card: Card, suggestion: any) => void, override: (card: Card, reason: any, comment: string) => void}} Answers */

const ORDER = ["critical", "warning", "info"];
const ICONS = /** @type {Record<string, string>} */ ({ critical: "⛔", warning: "⚠", info: "ℹ" });

/** Tell whether a card has to be answered before orders are signed. @param {Card} card */
export function isLoud(card) {
  return card.indicator === "critical" || card.indicator === "warning";
}

/** Sort as a client shows them: the most severe first, else as they came. @param {Card[]} cards */
export function sorted(cards) {
  const rank = (/** @type {Card} */ card) => (ORDER.includes(card.indicator) ? ORDER.indexOf(card.indicator) : ORDER.length);
  return [...cards].sort((one, other) => rank(one) - rank(other));
}

/**
 * Show cards.
 * @param {HTMLElement} place @param {Card[]} cards @param {Answers} on @param {Map<string, string>} overridden by uuid
 */
export function showCards(place, cards, on, overridden) {
  place.replaceChildren(...sorted(cards).map((card, at) => article(card, `card-${at}`, on, overridden)));
}

/** @param {Card} card @param {string} id @param {Answers} on @param {Map<string, string>} overridden */
function article(card, id, on, overridden) {
  const reason = overridden.get(card.uuid);
  const tone = ORDER.includes(card.indicator) ? card.indicator : "";
  return el("article", { class: `card ${tone}`, "aria-labelledby": id },
    el("h3", { id }, el("span", { class: "tag" }, el("span", { "aria-hidden": "true" }, `${ICONS[card.indicator] ?? ""} `), card.indicator), " ", card.summary),
    card.detail ? markdown(card.detail) : null,
    reason !== undefined ? el("p", { class: "answered" }, el("strong", {}, "Overridden"), `: ${reason}`) : choices(card, on),
    el("p", { class: "source muted small" }, "Source: ", address(card.source?.label ?? "not stated", card.source?.url), ...(card.links ?? []).flatMap((/** @type {any} */ link) => [" · ", address(link.label, link.type === "smart" ? null : link.url)])),
  );
}

/** @param {string} label @param {unknown} url */
function address(label, url) {
  if (typeof url !== "string" || !/^https?:\/\//i.test(url)) return document.createTextNode(label);
  return el("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, label);
}

/** @param {Card} card @param {Answers} on */
function choices(card, on) {
  const suggestions = /** @type {any[]} */ (card.suggestions ?? []);
  const buttons = suggestions.map((item) => el("li", {},
    el("button", { type: "button", class: item.isRecommended ? "main" : null, title: (item.actions ?? []).map((/** @type {any} */ action) => action.description).filter(Boolean).join("; ") || null, onclick: () => on.accept(card, item) }, item.label),
    item.isRecommended ? el("span", { class: "small" }, " recommended") : null,
    (item.actions ?? []).length === 0 ? el("span", { class: "muted small" }, " advice, changes no order") : null));
  return el("div", { class: "choices" },
    buttons.length ? el("ul", { class: "suggestions", "aria-label": card.selectionBehavior === "any" ? "Suggestions, any of them" : "Suggestions, at most one of them" }, ...buttons) : null,
    card.uuid && (card.overrideReasons ?? []).length ? overrideForm(card, on) : null);
}

/** @param {Card} card @param {Answers} on */
function overrideForm(card, on) {
  const name = `reason-${card.uuid}`;
  const problem = el("p", { class: "problem", role: "alert" });
  const comment = /** @type {HTMLTextAreaElement} */ (el("textarea", { id: `${name}-comment`, rows: "2", maxlength: "2000" }));
  const reasons = /** @type {any[]} */ (card.overrideReasons);
  const radios = reasons.map((reason, at) => el("label", { class: "reason" }, el("input", { type: "radio", name, value: String(at) }), ` ${reason.display ?? reason.code}`));
  const form = el("form", { onsubmit: (/** @type {Event} */ event) => {
    event.preventDefault();
    const chosen = new FormData(/** @type {HTMLFormElement} */ (form)).get(name);
    const reason = chosen === null ? null : reasons[Number(chosen)];
    const needed = reason && /comment required/i.test(reason.display ?? "");
    if (!reason) problem.textContent = "Choose a reason.";
    else if (needed && comment.value.trim() === "") problem.textContent = "This reason needs a comment.";
    else on.override(card, reason, comment.value.trim());
  } },
  el("fieldset", {}, el("legend", {}, "Why is the order right all the same?"), ...radios),
  el("label", { for: comment.id }, "Comment"), comment, problem,
  el("button", { type: "submit" }, "Override this card"));
  return el("details", { class: "override" }, el("summary", {}, "Override with a reason"), form);
}
