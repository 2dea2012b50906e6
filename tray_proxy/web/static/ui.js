// What all pages are made of. Data enters the document as text: htm makes elements, never markup.
//
// Buttons at work are marked, not disabled: a disabled one would lose the keyboard's place.

import { Problem } from "./call.js";
import { t } from "./texts.js";
import htm from "./vendor/htm.js";
import { useEffect, useId, useRef, useState } from "./vendor/preact-hooks.js";
import { Fragment, h } from "./vendor/preact.js";

export const html = htm.bind(h);

const SAID_FOR_MS = 6000;

/**
 * A page: its heading, which the keyboard comes to on the way in, and what is on it.
 *
 * `lead` is the sentence below the heading, `tools` stand beside it.
 */
export function Page({ title, lead, tools, children }) {
  useEffect(() => {
    document.title = `${title} – ${t("page.product")}`;
  }, [title]);
  return html`
    <div class="page-head">
      <div>
        <h1 id="title" tabindex="-1">${title}</h1>
        ${lead && html`<p class="lead">${lead}</p>`}
      </div>
      ${tools && html`<div class="tools">${tools}</div>`}
    </div>
    ${children}
  `;
}

/** A part of a page. `id` is where an address may lead to, `#settings` and its card `key` by `#key`. */
export function Card({ title, id, lead, tools, kind = "", children }) {
  const made = useId();
  const titleId = `${id ?? made}-title`;
  return html`
    <section class=${`card ${kind}`} id=${id} aria-labelledby=${titleId}>
      <div class="card-head">
        <div>
          <h2 id=${titleId} tabindex="-1">${title}</h2>
          ${lead && html`<p class="quiet">${lead}</p>`}
        </div>
        ${tools && html`<div class="tools">${tools}</div>`}
      </div>
      ${children}
    </section>
  `;
}

/** `kind` is "main", "danger", "plain" (looks like a link) or "" ; `busy` keeps a second click away. */
export function Button({ kind = "", busy = false, small = false, onClick, children, type = "button", ...rest }) {
  const click = (event) => {
    if (busy) event.preventDefault();
    else onClick?.(event);
  };
  return html`
    <button
      type=${type}
      class=${[kind, small && "small"].filter(Boolean).join(" ")}
      aria-disabled=${busy ? "true" : undefined}
      onClick=${click}
      ...${rest}
    >
      ${children}
    </button>
  `;
}

/** A link that leaves for a website, in a tab of its own. */
export function Outside({ href, children, ...rest }) {
  return html`
    <a href=${href} target="_blank" rel="noopener noreferrer" ...${rest}>
      ${children}<span class="outside" aria-hidden="true"> ↗</span><span class="unseen"> ${t("page.new-tab")}</span>
    </a>
  `;
}

/**
 * A field of a form with its label, its help and what is wrong with it.
 *
 * `mark` is a word on how it stands, such as "Changed"; `beside` stands behind the control. `children` is the control, a
 * function of the attributes that tie it to all that: `(tied) => html`<input ...${tied}>``.
 */
export function Field({ label, mark, help, error, unit, id, beside, children }) {
  const made = useId();
  const fieldId = id ?? made;
  const [helpId, errorId, unitId, markId] = ["help", "error", "unit", "mark"].map((part) => `${fieldId}-${part}`);
  const described = [mark && markId, unit && unitId, error && errorId, help && helpId].filter(Boolean).join(" ");
  const tied = { id: fieldId, "aria-describedby": described || undefined, "aria-invalid": error ? "true" : undefined };
  return html`
    <div class=${`field ${error ? "wrong" : ""}`}>
      <div class="labels">
        <label for=${fieldId}>${label}</label>
        ${mark && html`<span class="tag marked" id=${markId}>${mark}</span>`}
      </div>
      <div class="line">
        ${children(tied)}
        ${unit && html`<span class="unit" id=${unitId}>${unit}</span>`} ${beside}
      </div>
      ${error && html`<p class="error" id=${errorId}>${error}</p>`}
      ${help && html`<div class="help" id=${helpId}>${help}</div>`}
    </div>
  `;
}

/** On or off, in force at once. */
export function Switch({ label, mark, help, error, checked, busy = false, onChange }) {
  const id = useId();
  const described = [mark && `${id}-mark`, error && `${id}-error`, help && `${id}-help`].filter(Boolean).join(" ");
  return html`
    <div class="switch">
      <input
        type="checkbox"
        role="switch"
        id=${id}
        checked=${checked}
        aria-describedby=${described || undefined}
        aria-disabled=${busy ? "true" : undefined}
        onClick=${(event) => {
          event.preventDefault();
          if (!busy) onChange(!checked);
        }}
      />
      <div>
        <div class="labels">
          <label for=${id}>${label}</label>
          ${mark && html`<span class="tag marked" id=${`${id}-mark`}>${mark}</span>`}
        </div>
        ${error && html`<p class="error" id=${`${id}-error`}>${error}</p>`}
        ${help && html`<div class="help" id=${`${id}-help`}>${help}</div>`}
      </div>
    </div>
  `;
}

/** What somebody should know: "" for a word by the way, "good", "warn" or "bad". */
export function Notice({ kind = "", title, children, tools, alert = false }) {
  const shape = { good: "good", warn: "attention", bad: "bad" }[kind] ?? "note";
  return html`
    <div class=${`notice ${kind}`} role=${alert ? "alert" : undefined}>
      <${Shape} name=${shape} />
      <div>
        ${title && html`<p class="notice-title">${title}</p>`}
        ${children}
      </div>
      ${tools && html`<div class="tools">${tools}</div>`}
    </div>
  `;
}

// Each differs from the others by its form; colour only helps.
const SHAPES = {
  on: html`<circle cx="8" cy="8" r="6" fill="currentColor" />`,
  off: html`<circle cx="8" cy="8" r="5" fill="none" stroke="currentColor" stroke-width="2" />`,
  waiting: html`<circle
    cx="8"
    cy="8"
    r="5"
    fill="none"
    stroke="currentColor"
    stroke-width="2"
    stroke-dasharray="3 2.2"
  />`,
  attention: html`<path d="M8 1.2 15.4 14.6H.6Z" fill="currentColor" /><path class="hole" d="M8 5.6v4.2M8 12v.9" />`,
  good: html`<circle cx="8" cy="8" r="7.4" fill="currentColor" /><path class="hole" d="M4.6 8.3 7 10.7l4.5-5" />`,
  bad: html`<path
      d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5Z"
      fill="currentColor"
    /><path class="hole" d="m5.4 5.4 5.2 5.2m0-5.2-5.2 5.2" />`,
  note: html`<circle cx="8" cy="8" r="7.4" fill="currentColor" /><path class="hole" d="M8 7.4v4.2M8 4.2v.9" />`,
};

export function Shape({ name }) {
  return html`<svg class=${`shape ${name}`} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
    ${SHAPES[name]}
  </svg>`;
}

/** A sign with its words: "on", "off", "waiting", "attention", "good", "bad" or "note". */
export function Lamp({ shape, children }) {
  return html`<span class=${`lamp ${shape}`}><${Shape} name=${shape} /><span>${children}</span></span>`;
}

/**
 * Take the keyboard on after what it was on has gone: to what `find` gives once the page is drawn anew, else to the
 * page's heading. Nothing scrolls.
 */
export function goOnAt(find = () => null) {
  window.requestAnimationFrame(() => (find() ?? document.getElementById("title"))?.focus({ preventScroll: true }));
}

/** Copies a text; where the browser refuses, it says so. `label` is what the button says, `of` what a reader hears. */
export function Copy({ text, label, of }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = window.setTimeout(() => setCopied(false), 2000);
    return () => window.clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      say(t("page.copied"), "good", { seen: false });
    } catch {
      say(t("page.not-copied"), "bad");
    }
  };
  const words = label ?? t("page.copy");
  return html`
    <${Button} small onClick=${copy} aria-label=${of ? `${words}: ${of}` : undefined}>
      ${copied ? html`<span aria-hidden="true">✓ </span>${t("page.copied")}` : words}
    <//>
  `;
}

/** A text to be copied, such as an address, with the button beside it. */
export function CopyLine({ text, of }) {
  return html`
    <div class="copy-line">
      <code class="mono">${text}</code>
      <${Copy} text=${text} of=${of ?? text} />
    </div>
  `;
}

/** Asks once more. The keyboard waits on the answer that does no harm, and Escape gives it. */
export function Confirm({ question, yes, no, busy = false, onYes, onNo }) {
  const box = useRef(null);
  useEffect(() => box.current.querySelector("[data-no]").focus(), []);
  const id = useId();
  return html`
    <div
      ref=${box}
      class="confirm"
      role="group"
      aria-labelledby=${id}
      onKeyDown=${(event) => {
        if (event.key === "Escape") onNo();
      }}
    >
      <p id=${id}>${question}</p>
      <div class="line">
        <${Button} kind="danger" busy=${busy} onClick=${onYes}>${yes}<//>
        <${Button} data-no onClick=${onNo}>${no}<//>
      </div>
    </div>
  `;
}

/** How something went, where it was asked for; empty until then. `problem` is a Problem or null. */
export function Result({ problem, message, waiting }) {
  const kind = waiting ? "" : problem ? "bad" : message ? "good" : "";
  const words = waiting || (problem ? [problem.message, problem.hint].filter(Boolean).join(" ") : (message ?? ""));
  return html`
    <p class=${`result ${kind}`} role="status">
      ${words && html`<${Shape} name=${waiting ? "waiting" : kind} /><span>${words}</span>`}
    </p>
  `;
}

/**
 * Do one thing at a time and keep how it went, for `Result`.
 *
 * `run(action, waiting)` awaits `action()`; what it returns is the message if it is a text.
 * Gives back whether it went well.
 */
export function useAction() {
  const [at, setAt] = useState({ busy: false, waiting: "", problem: null, message: "" });
  const busy = useRef(false);
  const run = async (action, waiting = "") => {
    if (busy.current) return false;
    busy.current = true;
    setAt({ busy: true, waiting, problem: null, message: "" });
    try {
      const message = await action();
      setAt({ busy: false, waiting: "", problem: null, message: typeof message === "string" ? message : "" });
      return true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setAt({ busy: false, waiting: "", problem, message: "" });
      return false;
    } finally {
      busy.current = false;
    }
  };
  const clear = () => setAt({ busy: false, waiting: "", problem: null, message: "" });
  return { ...at, run, clear };
}

// What is said at the foot of the window, and to a screen reader.

let told = [];
let lastId = 0;
const hearers = new Set();

function tell(next) {
  told = next;
  for (const hear of hearers) hear(told);
}

function forget(id) {
  tell(told.filter((each) => each.id !== id));
}

/** Say something for the whole page; what is "bad" stays until it is put away. `seen` false: for the ear alone. */
export function say(text, kind = "", { seen = true } = {}) {
  const id = ++lastId;
  tell([...told.filter((each) => each.text !== text), { id, text, kind, seen }]);
  if (kind !== "bad") window.setTimeout(() => forget(id), SAID_FOR_MS);
}

/** Do something and say what went wrong, if it did; for buttons that have no `Result` of their own. */
export async function attempt(action) {
  try {
    return await action();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    say([problem.message, problem.hint].filter(Boolean).join(" "), "bad");
    return undefined;
  }
}

export function Toasts() {
  const [shown, setShown] = useState(told);
  const box = useRef(null);
  const close = (id) => {
    forget(id);
    goOnAt(() => box.current?.querySelector("button"));
  };
  useEffect(() => {
    hearers.add(setShown);
    setShown(told);
    return () => hearers.delete(setShown);
  }, []);
  return html`
    <div id="said" ref=${box} class="toasts" role="status" aria-live="polite">
      ${shown.map(
        ({ id, text, kind, seen }) => html`
          <div key=${id} class=${seen ? `toast ${kind}` : "unseen"}>
            <${Shape} name=${{ good: "good", bad: "bad" }[kind] ?? "note"} />
            <span>${text}</span>
            ${seen &&
            html`<button type="button" class="plain small" onClick=${() => close(id)}>${t("page.put-away")}</button>`}
          </div>
        `,
      )}
    </div>
  `;
}

export { Fragment };
