// The gateway's REST API, as seen from a page with a session.
import { signal } from "@preact/signals";
import { learnTime } from "./format.js";

/** Who is logged in: {name, role, csrf}; null for nobody, undefined until that is known. */
export const session = signal(undefined);

const ROLES = ["viewer", "operator", "admin"];

/** Whether who is logged in may do what needs this role. The gateway refuses it in any case. */
export const may = (role) => Boolean(session.value) && ROLES.indexOf(session.value.role) >= ROLES.indexOf(role);

const API = "api/v1";

/** The gateway refused, or could not be reached (status 0). `message` is for people. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the gateway answered with ${status}`);
    this.status = status;
    this.problem = problem;
  }
  /** Whether it is worth trying again: nothing was refused. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** The address of something of the API: apiUrl("/nodes", {limit: 10}). Lists become several parameters. */
export function apiUrl(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, one);
  }
  const text = query.toString();
  return `${API}${path}${text ? `?${text}` : ""}`;
}

/** GET. Raises ApiError, and AbortError where `signal` says so. */
export const get = (path, params, signal) => ask("GET", apiUrl(path, params), { signal });
export const post = (path, body = {}, params) => ask("POST", apiUrl(path, params), { body });
export const patch = (path, body) => ask("PATCH", apiUrl(path), { body });
export const del = (path) => ask("DELETE", apiUrl(path), {});

/** Log in with {token} or {code}. */
export async function logIn(proof) {
  session.value = await ask("POST", apiUrl("/session"), { body: proof, anonymous: true });
}

/** Raises ApiError where the gateway could not be told: the browser is logged in still. */
export async function logOut() {
  try {
    await del("/session");
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  session.value = null;
}

/** Ask who is logged in. */
export async function findSession() {
  try {
    session.value = await get("/session");
  } catch (error) {
    if (error.status !== 401) throw error;
  }
}

function ask(method, url, { body, signal, anonymous = false }) {
  const text = body && JSON.stringify(body);
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method === "GET" || anonymous) return request(method, url, { headers, signal, body: text, anonymous });
  return underKey(`${method} ${url} ${text}`, (key) =>
    withSession((csrf) => request(method, url, { headers: { ...headers, ...csrf, ...key }, body: text })),
  );
}

/** How long what was sent without an answer is taken for the same when it is sent again. */
const AGAIN_MS = 5 * 60_000;
let unanswered = null;

// The gateway may have done what it could not answer: the same once more has the same key, so that it is done once.
async function underKey(what, doing) {
  const again = unanswered?.what === what && performance.now() - unanswered.sentMs < AGAIN_MS;
  const { key, sentMs } = again ? unanswered : { key: randomKey(), sentMs: performance.now() };
  try {
    const result = await doing({ "idempotency-key": key });
    if (unanswered?.key === key) unanswered = null;
    return result;
  } catch (error) {
    // 409 may say that the first one is not done yet.
    if (error.passing || error.status === 409) unanswered = { what, key, sentMs };
    else if (unanswered?.key === key) unanswered = null;
    throw error;
  }
}

/**
 * Do what needs the header of the session, which it is given. After a log-in in another tab the browser has another
 * session than this page: asked for, and tried once more.
 */
export async function withSession(doing) {
  const csrf = session.peek()?.csrf;
  try {
    return await doing(csrf ? { "x-csrf-token": csrf } : {});
  } catch (error) {
    if (error.status !== 403) throw error;
    await findSession().catch(() => {});
    const now = session.peek()?.csrf;
    if (!now || now === csrf) throw error;
    return doing({ "x-csrf-token": now });
  }
}

async function request(method, url, { headers, signal, body, anonymous }) {
  const askedMs = Date.now();
  let answer, text;
  try {
    answer = await fetch(url, { method, headers, signal, body, cache: "no-cache" });
    text = await answer.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  learnTime(answer.headers.get("date"), askedMs);
  const content = parsed(text);
  if (!answer.ok) throw refused(answer.status, content, anonymous);
  return content;
}

/** What to say of an answer that is a refusal. */
export function refused(status, problem, anonymous = false) {
  if (status === 401 && !anonymous) session.value = null;
  return new ApiError(status, problem ?? {});
}

/** What to say where there was no answer. */
export const unreachable = () => new ApiError(0, { detail: "The gateway cannot be reached." });

/** The value of a JSON text; null for none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// crypto.randomUUID is there only over https.
function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
