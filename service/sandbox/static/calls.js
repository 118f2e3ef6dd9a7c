/** Calls to the service: its public addresses, as an EHR calls them, and what the page has beside them. */

/**
 * @typedef {object} Exchange
 * @property {string} path
 * @property {string} request
 * @property {number} status 0 where no answer came
 * @property {string} text the body as it came
 * @property {any} json the body read, or null
 * @property {number} ms from the request to the whole answer
 * @property {string} requestId
 */

// The page lies at /sandbox, wherever a proxy puts the root.
const addressOf = (/** @type {string} */ path) => new URL(path, new URL("./", location.href));

/**
 * Post a text of JSON, and take the time.
 * @param {string} path below the root
 * @param {string} request
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Exchange>}
 */
export async function post(path, request, headers = {}) {
  const began = performance.now();
  try {
    const answer = await fetch(addressOf(path), {
      method: "POST", body: request, credentials: "omit", redirect: "error",
      headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
    });
    const text = await answer.text();
    const ms = performance.now() - began;
    return { path, request, status: answer.status, text, json: read(text), ms, requestId: answer.headers.get("X-Request-ID") ?? "" };
  } catch {
    return { path, request, status: 0, text: "", json: null, ms: performance.now() - began, requestId: "" };
  }
}

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  const answer = await fetch(addressOf(path), { credentials: "omit", redirect: "error" });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

/** @param {string} path @returns {Promise<string>} */
export async function getText(path) {
  const answer = await fetch(addressOf(path), { credentials: "omit", redirect: "error" });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.text();
}

/**
 * Post to a CDS service or its feedback, with a token of the page where the service asks for one.
 * @param {string} service @param {string} request @param {{tokens: boolean, feedback?: boolean}} how
 * @returns {Promise<Exchange>}
 */
export async function call(service, request, { tokens, feedback = false }) {
  const headers = tokens ? await authorization(service, feedback) : {};
  return post(`cds-services/${service}${feedback ? "/feedback" : ""}`, request, headers);
}

/** @param {string} service @param {boolean} feedback @returns {Promise<Record<string, string>>} */
async function authorization(service, feedback) {
  const given = await post("sandbox/token", JSON.stringify({ service, feedback }));
  return given.json?.token ? { Authorization: `Bearer ${given.json.token}` } : {};
}

/** @param {string} text */
function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Say what went wrong, from an OperationOutcome or the status. @param {Exchange} exchange @returns {string} */
export function problemOf(exchange) {
  if (exchange.status === 0) return "The service does not answer. Is it running?";
  const said = exchange.json?.issue?.[0]?.diagnostics;
  return `${exchange.status}: ${said ?? (exchange.status === 401 ? "The call is not authenticated." : "The answer says no more.")}`;
}
