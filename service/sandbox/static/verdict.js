/** What an answer says in one line. Silence is only said of a list of cards that is there and empty. */

import { problemOf } from "./calls.js";
import { isLoud } from "./cards_view.js";

const KINDS = ["critical", "warning", "info"];

/**
 * Say what came of a question.
 * @param {import("./desk.js").Answer} answer
 * @param {string} [note] what happened before
 * @returns {{text: string, tone: string}}
 */
export function verdictOf({ exchange, hook, cards }, note = "") {
  const took = `${exchange.ms.toFixed(1)} ms`;
  if (exchange.status !== 200) return { text: `${hook}: ${problemOf(exchange)}`, tone: "critical" };
  if (cards === null) return { text: `${hook}: the answer holds no list of cards, so nothing was checked. ${took}.`, tone: "critical" };
  if (cards.length === 0) return { text: `${note}${hook}: checked, nothing to say. ${took}.`, tone: "good" };
  const counted = KINDS.map((kind) => `${cards.filter((card) => card.indicator === kind).length} ${kind}`).filter((text) => !text.startsWith("0 "));
  return { text: `${note}${hook}: ${counted.join(", ")}. ${took}.`, tone: cards.some(isLoud) ? "warning" : "info" };
}
