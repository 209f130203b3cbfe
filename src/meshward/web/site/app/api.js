// The gateway's REST API, as seen from a page with a session.
import { signal } from "@preact/signals";

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

/** All pages of a list, `pages` of them at most. */
export async function getAll(path, params = {}, signal, pages = 20) {
  const items = [];
  let cursor;
  for (let page = 0; page < pages; page++) {
    const part = await get(path, { limit: 1000, ...params, cursor }, signal);
    items.push(...part.items);
    cursor = part.next;
    if (!cursor) break;
  }
  return items;
}

/** Send a file as it is. `onProgress` is told the share that was sent, from 0 to 1. */
export function upload(path, file, params, onProgress = () => {}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", apiUrl(path, { name: file.name, ...params }));
    request.setRequestHeader("content-type", "application/octet-stream");
    if (session.value?.csrf) request.setRequestHeader("x-csrf-token", session.value.csrf);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(unreachable());
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300) resolve(body);
      else reject(refused(request.status, body));
    };
    request.send(file);
  });
}

/** Log in with {token} or {code}. */
export async function logIn(proof) {
  session.value = await ask("POST", apiUrl("/session"), { body: proof, anonymous: true });
}

export async function logOut() {
  try {
    await del("/session");
  } finally {
    session.value = null;
  }
}

/** Ask who is logged in. */
export async function findSession() {
  try {
    session.value = await get("/session");
  } catch (error) {
    if (error.status !== 401) throw error;
  }
}

async function ask(method, url, { body, signal, anonymous = false }) {
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET") {
    if (session.value?.csrf) headers["x-csrf-token"] = session.value.csrf;
    if (!anonymous) headers["idempotency-key"] = randomKey();
  }
  let answer;
  try {
    answer = await fetch(url, { method, headers, signal, body: body && JSON.stringify(body), cache: "no-cache" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unreachable();
  }
  const content = answer.status === 204 ? null : parsed(await answer.text());
  if (!answer.ok) throw refused(answer.status, content, anonymous);
  return content;
}

function refused(status, problem, anonymous = false) {
  if (status === 401 && !anonymous) session.value = null;
  return new ApiError(status, problem ?? {});
}

const unreachable = () => new ApiError(0, { detail: "The gateway cannot be reached." });

function parsed(text) {
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
