// The calls to Tray Proxy. Every failure becomes a Problem: what happened, and what to do about it.

import { t } from "./texts.js";

const READ_WITHIN_MS = 10_000;
const hearers = new Set();
const mark = taken();

/** Take what the tray's address hands to this page alone. The browser keeps it for other tabs, and for a reload. */
function taken() {
  const [place, handed] = window.location.hash.split("~");
  try {
    if (!handed) return window.localStorage.getItem("mark") ?? "";
    window.localStorage.setItem("mark", handed);
  } catch {
    // It may keep nothing: then it lasts as long as the page.
  }
  if (handed) window.history.replaceState(null, "", place.length > 1 ? place : window.location.pathname);
  return handed ?? "";
}

/** `fields`: what is wrong with which field of a form, by the field's name. */
export class Problem extends Error {
  constructor(message, hint = "", fields = {}) {
    super(message);
    this.hint = hint;
    this.fields = fields;
  }
}

/** The page's cookie is not valid any more: Tray Proxy was restarted. */
export class SessionEnded extends Problem {}

/** Nobody answers at all. */
export class Unreachable extends Problem {}

/** Have `hear(problem)` called for what concerns the whole page: `SessionEnded`, `Unreachable`. */
export function whenLost(hear) {
  hearers.add(hear);
}

function lost(problem) {
  for (const hear of hearers) hear(problem);
  return problem;
}

async function call(method, path, content, options = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { "X-Tray-Proxy": mark, ...(method === "GET" ? {} : { "Content-Type": "application/json" }) },
      body: content === undefined ? undefined : JSON.stringify(content),
      ...options,
    });
  } catch {
    throw lost(new Unreachable(t("page.no-answer"), t("page.no-answer-hint")));
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  if (answer.status === 403) throw lost(new SessionEnded(found.error ?? "", found.hint ?? ""));
  throw new Problem(found.error ?? t("page.failed"), found.hint ?? t("page.failed-hint"), found.fields ?? {});
}

export const get = (path) => call("GET", path, undefined, { signal: AbortSignal.timeout(READ_WITHIN_MS) });
/** `options` are those of fetch, for example `{ keepalive: true }` for what must arrive when the tab is closed. */
export const post = (path, content = {}, options = {}) => call("POST", path, content, options);
export const remove = (path) => call("DELETE", path);
