/** What stands behind an answer: the request and the response as they went, the explanation, and feedback. */

import { el } from "./dom.js";

/** @typedef {import("./calls.js").Exchange} Exchange */

/**
 * Make tabs of the panels of a place (ARIA Authoring Practices, Tabs): arrows move, one panel is shown.
 * @param {HTMLElement} tablist
 */
export function tabs(tablist) {
  const all = /** @type {HTMLElement[]} */ ([...tablist.querySelectorAll('[role="tab"]')]);
  const select = (/** @type {HTMLElement} */ chosen) => all.forEach((tab) => {
    const on = tab === chosen;
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    const panel = document.getElementById(tab.getAttribute("aria-controls") ?? "");
    if (panel) panel.hidden = !on;
  });
  all.forEach((tab, at) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = all[(at + step + all.length) % all.length];
      select(next);
      next.focus();
    });
  });
  select(all[0]);
}

/** Indent JSON for reading; what is none stays as it came. @param {string} text */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/**
 * Show one exchange.
 * @param {{request: HTMLElement, response: HTMLElement}} places
 * @param {Exchange} exchange
 * @param {string} about says whether it was a call of an EHR or asked of the sandbox
 */
export function showExchange(places, exchange, about) {
  const size = new TextEncoder().encode(exchange.request).length;
  places.request.replaceChildren(
    el("p", { class: "small" }, el("strong", {}, `POST /${exchange.path}`), ` · ${size.toLocaleString("en")} bytes · ${about}`),
    el("pre", { tabindex: "0", role: "group", "aria-label": "Body of the request" }, pretty(exchange.request)),
  );
  places.response.replaceChildren(
    el("p", { class: "small" }, el("strong", {}, exchange.status === 0 ? "no answer" : `status ${exchange.status}`), ` · ${exchange.ms.toFixed(1)} ms · ${exchange.text.length.toLocaleString("en")} characters`, exchange.requestId ? ` · request id ${exchange.requestId}` : ""),
    el("pre", { tabindex: "0", role: "group", "aria-label": "Body of the response" }, pretty(exchange.text)),
  );
}

/** @param {HTMLElement} place @param {string} text @param {string} about */
export function showExplanation(place, text, about) {
  place.replaceChildren(
    el("p", { class: "small muted" }, about),
    el("pre", { tabindex: "0", role: "group", "aria-label": "Explanation" }, text),
  );
}

/**
 * Show what was fed back, the latest first.
 * @param {HTMLElement} place
 * @param {{exchange: Exchange, said: string}[]} told
 */
export function showFeedback(place, told) {
  if (told.length === 0) {
    place.replaceChildren(el("p", { class: "empty" }, "Nothing yet. Accepting a suggestion and overriding a card are fed back."));
    return;
  }
  place.replaceChildren(el("ol", { class: "told", reversed: true }, ...told.map(({ exchange, said }) => el("li", {},
    el("p", { class: "small" }, el("strong", {}, said), ` · status ${exchange.status} · ${exchange.ms.toFixed(1)} ms`),
    el("pre", { tabindex: "0", role: "group", "aria-label": "Body of the feedback" }, pretty(exchange.request))))));
}
