/** A text field with a list to choose from (ARIA Authoring Practices, Editable Combobox With List Autocomplete). */

import { el } from "./dom.js";

/** @typedef {{text: string, code?: string, dose?: string, names?: string[]}} Order */

const MOST = 12;

/**
 * Give the orders that fit what was typed: those with a name that begins so come first.
 * @param {Order[]} orders @param {string} typed
 * @returns {Order[]}
 */
export function fitting(orders, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  const texts = (/** @type {Order} */ order) => [order.text, ...(order.names ?? [])].join(" ").toLowerCase();
  const found = orders.filter((order) => words.every((word) => texts(order).includes(word)));
  const begins = (/** @type {Order} */ order) => [order.text, ...(order.names ?? [])].some((name) => name.toLowerCase().startsWith(words[0]));
  return [...found.filter(begins), ...found.filter((order) => !begins(order))].slice(0, MOST);
}

/**
 * Make an input a combobox. What is typed and not in the list can be ordered as text.
 * @param {HTMLInputElement} input @param {HTMLElement} list @param {Order[]} orders
 * @param {(order: Order) => void} choose
 */
export function combobox(input, list, orders, choose) {
  let shown = /** @type {Order[]} */ ([]);
  let active = -1;

  function close() {
    shown = [];
    active = -1;
    list.replaceChildren();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function take(/** @type {Order} */ order) {
    input.value = "";
    close();
    choose(order);
  }

  function mark(/** @type {number} */ index) {
    active = index;
    [...list.children].forEach((option, at) => option.setAttribute("aria-selected", String(at === active)));
    const option = list.children[active];
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function open() {
    shown = fitting(orders, input.value);
    if (shown.length === 0) return close();
    list.replaceChildren(...shown.map((order, at) => optionOf(order, at)));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(-1);
  }

  function optionOf(/** @type {Order} */ order, /** @type {number} */ at) {
    const named = (order.names ?? []).filter((name) => !order.text.toLowerCase().includes(name.toLowerCase()));
    const kind = order.names ? named.slice(0, 3).join(", ") : "not in the catalogue";
    const option = el("li", { role: "option", id: `${list.id}-${at}`, "aria-selected": "false" }, order.text, " ", el("span", { class: "muted small" }, kind));
    // Before the input loses its focus, which closes the list.
    option.addEventListener("mousedown", (event) => event.preventDefault());
    option.addEventListener("click", () => take(order));
    return option;
  }

  input.addEventListener("input", open);
  input.addEventListener("focus", open);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const last = shown.length - 1;
    if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) open();
      else if (event.key === "ArrowDown") mark(active < last ? active + 1 : 0);
      else mark(active > 0 ? active - 1 : last);
    } else if (event.key === "Enter" && input.value.trim() !== "") {
      event.preventDefault();
      take(shown[active] ?? { text: input.value.trim() });
    }
  });
}
