// The calls to Tray Proxy. Every failure becomes a Problem: what happened, and what to do about it.

const STATE_WITHIN_MS = 10_000;

export class Problem extends Error {
  constructor(message, hint = "") {
    super(message);
    this.hint = hint;
  }
}

/** The page's cookie is not valid any more: Tray Proxy was restarted. */
export class SessionEnded extends Problem {}

/** Nobody answers at all. */
export class Unreachable extends Problem {}

async function call(method, path, content, options = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: method === "GET" ? {} : { "Content-Type": "application/json", "X-Tray-Proxy": "page" },
      body: content === undefined ? undefined : JSON.stringify(content),
      ...options,
    });
  } catch {
    throw new Unreachable(
      "Tray Proxy does not answer.",
      "If it was closed or restarted, open this page again from the tray icon.",
    );
  }
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  if (answer.status === 403) throw new SessionEnded(found.error ?? "", found.hint ?? "");
  throw new Problem(found.error ?? "Tray Proxy could not do this.", found.hint ?? "Look into its log.");
}

export const readState = () => call("GET", "/api/state", undefined, { signal: AbortSignal.timeout(STATE_WITHIN_MS) });
export const testKey = (key) => call("POST", "/api/key/test", key === null ? {} : { key });
export const storeKey = (key) => call("POST", "/api/key", { key });
export const forgetKey = () => call("DELETE", "/api/key");

export const keepName = (name, kept) => call("POST", "/api/names", { name, kept });

/** `keepalive` lets the last ticks arrive when the tab is closed right after them; browsers grant it to 64 KiB. */
export const allowModels = (allowed) =>
  call("POST", "/api/models", { allowed }, { keepalive: (allowed ?? []).length < 800 });
