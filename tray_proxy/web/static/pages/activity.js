// The page "Activity": what apps asked for, what it cost, and what a helper wants to know. Prompts are never kept.

import { get, post } from "../call.js";
import { Unread } from "../parts/unread.js";
import { useTopic } from "../store.js";
import { knows, t } from "../texts.js";
import { Button, Card, Copy, html, Notice, Page, Result, say, Shape, useAction } from "../ui.js";
import { useEffect, useId, useRef, useState } from "../vendor/preact-hooks.js";
import { clock, dollars, duration, moment, short, useNow, whole } from "../words.js";

const OUTCOMES = ["running", "done", "failed", "cancelled"];
// The newest of them; the rest is one click away, and what stands below the list is near.
const SHOWN_AT_FIRST = 50;
const SHAPES = { running: "waiting", done: "good", failed: "bad", cancelled: "off" };

export function Activity() {
  const told = useTopic("activity");
  const [held, setHeld] = useState(null);
  const shown = held ?? told;
  const isEmpty = shown !== null && shown.entries.length === 0;
  const tools = html`
    <${Button} onClick=${() => setHeld(held === null ? told : null)}>
      ${t(held === null ? "activity.hold" : "activity.go-on")}
    <//>
  `;
  return html`
    <${Page} title=${t("activity.title")} lead=${t("activity.lead")} tools=${shown !== null && !isEmpty && tools}>
      <${Unread} topic="activity" />
      ${held !== null && html`<div class="held"><${Notice}><p>${t("activity.held")}</p><//></div>`}
      ${shown !== null && html`<${Today} ...${shown} />`}
      ${isEmpty ? html`<${Nothing} />` : shown !== null && html`<${Requests} entries=${shown.entries} />`}
      <${ForHelpers} />
    <//>
  `;
}

function Today({ today, running, spending }) {
  const facts = [
    ["requests", whole(today.requests)],
    ["cost", dollars(today.cost_usd)],
    ...(spending.limit_usd > 0 ? [limit(spending)] : []),
    ["tokens-in", short(today.prompt_tokens), whole(today.prompt_tokens)],
    ["tokens-out", short(today.completion_tokens), whole(today.completion_tokens)],
    ["running", whole(running)],
  ];
  return html`
    <section aria-labelledby="today">
      <h2 id="today" class="unseen">${t("activity.today")}</h2>
      <dl class="tiles">
        ${facts.map(
          ([name, value, exact]) => html`
            <div key=${name} class="tile">
              <dt>${t(`activity.today.${name}`)}</dt>
              <dd title=${exact}>${value}</dd>
            </div>
          `,
        )}
      </dl>
    </section>
  `;
}

/** How much of the limit is spent: of OpenRouter's day, which is not this computer's. */
function limit({ spent_usd: spentUsd, limit_usd: limitUsd, ends_s: endsS }) {
  const spent = t("activity.spent-of", { spent: dollars(spentUsd), limit: dollars(limitUsd) });
  return ["limit", spent, t("activity.limit-ends", { time: clock(endsS) })];
}

function Nothing() {
  return html`
    <section class="card nothing-yet">
      <svg class="pulse" viewBox="0 0 48 24" aria-hidden="true" focusable="false">
        <path d="M1 12h12l5-9 7 18 5-9h17" />
      </svg>
      <h2>${t("activity.nothing")}</h2>
      <p class="quiet">${t("activity.nothing-help")}</p>
      <p><a class="button" href="#apps">${t("activity.nothing-link")}</a></p>
    </section>
  `;
}

function Requests({ entries }) {
  const [app, setApp] = useState("");
  const [outcome, setOutcome] = useState("");
  const [all, setAll] = useState(false);
  // Days are named as time goes by.
  useNow();
  const apps = [...new Set(entries.map((entry) => entry.app))].sort((one, other) => one.localeCompare(other));
  const found = entries.filter(
    (entry) => (app === "" || entry.app === app) && (outcome === "" || entry.outcome === outcome),
  );
  return html`
    <section class="card requests" aria-labelledby="requests">
      <div class="card-head">
        <div>
          <h2 id="requests">${t("activity.requests")}</h2>
          <p class="quiet">${t("activity.requests-lead")}</p>
        </div>
        <div class="tools">
          <${Choice} label=${t("activity.app")} value=${app} onChange=${setApp}>
            <option value="">${t("activity.every-app")}</option>
            ${apps.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
          <//>
          <${Choice} label=${t("activity.result")} value=${outcome} onChange=${setOutcome}>
            <option value="">${t("activity.every-result")}</option>
            ${OUTCOMES.map(
              (name) => html`<option key=${name} value=${name}>${t(`activity.outcome.${name}`)}</option>`,
            )}
          <//>
        </div>
      </div>
      ${found.length === 0
        ? html`
            <div class="nothing">
              <p>${t("activity.not-found")}</p>
              <${Button}
                small
                onClick=${() => {
                  setApp("");
                  setOutcome("");
                }}
              >
                ${t("activity.show-all")}
              <//>
            </div>
          `
        : html`
            <${Table} entries=${all ? found : found.slice(0, SHOWN_AT_FIRST)} />
            ${!all &&
            found.length > SHOWN_AT_FIRST &&
            html`
              <div class="rest">
                <${Button} small onClick=${() => setAll(true)}>${t("activity.rest", { count: whole(found.length) })}<//>
              </div>
            `}
          `}
    </section>
  `;
}

function Choice({ label, value, onChange, children }) {
  const id = useId();
  return html`
    <div class="choice">
      <label class="unseen" for=${id}>${label}</label>
      <select id=${id} value=${value} onChange=${(event) => onChange(event.target.value)}>${children}</select>
    </div>
  `;
}

// In a narrow window each row is a card, which would take its meaning from it: hence the roles.
function Table({ entries }) {
  const columns = ["time", "app", "model", "tokens", "cost", "duration", "result"];
  return html`
    <table role="table" aria-labelledby="requests">
      <thead role="rowgroup">
        <tr role="row">
          ${columns.map(
            (name) => html`
              <th key=${name} role="columnheader" scope="col" class=${`at-${name}`}>${t(`activity.column.${name}`)}</th>
            `,
          )}
        </tr>
      </thead>
      <tbody role="rowgroup">
        ${entries.map((entry) => html`<${Request} key=${entry.request_id} ...${entry} />`)}
      </tbody>
    </table>
  `;
}

function Request(entry) {
  const { prompt_tokens: input, completion_tokens: output, cost_usd: costUsd, outcome } = entry;
  return html`
    <tr role="row" class=${outcome}>
      <td role="cell" class="at-time"><${Time} id=${entry.request_id} timeS=${entry.time_s} /></td>
      <td role="cell" class="at-app"><bdi>${entry.app}</bdi></td>
      <td role="cell" class="at-model">
        ${entry.model !== null && html`<bdi>${entry.model}</bdi>`}
        <span class="path mono">${entry.method} ${entry.path}</span>
      </td>
      <td role="cell" class="at-tokens number">
        ${(input !== null || output !== null) &&
        html`
          <span class="unseen">
            ${t("activity.tokens", { input: whole(input ?? 0), output: whole(output ?? 0) })}
          </span>
          <span aria-hidden="true">
            ${short(input ?? 0)} → ${short(output ?? 0)}<span class="caption"> ${t("activity.unit")}</span>
          </span>
        `}
      </td>
      <td role="cell" class="at-cost number">${costUsd === null ? "" : dollars(costUsd)}</td>
      <td role="cell" class="at-duration number">${entry.ms === null ? "" : duration(entry.ms)}</td>
      <td role="cell" class="at-result">
        <span class="lamp"><${Shape} name=${SHAPES[outcome]} /><span>${t(`activity.outcome.${outcome}`)}</span></span>
        ${outcome === "failed" && html`<span class="why">${reason(entry)}</span>`}
      </td>
    </tr>
  `;
}

/** When a request came, and the way to its id: by that the log tells of it, and the app that was answered. */
function Time({ id, timeS }) {
  const time = clock(timeS);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(id);
      say(t("activity.id.copied", { id }), "good");
    } catch {
      say(t("activity.id.not-copied", { id }), "bad");
    }
  };
  return html`
    <${Button}
      kind="plain"
      small
      onClick=${copy}
      title=${`${moment(timeS)}\n${t("activity.id", { id })}`}
      aria-label=${t("activity.id.copy", { time })}
    >
      <time datetime=${new Date(timeS * 1000).toISOString()}>${time}</time>
    <//>
  `;
}

function reason({ error, status }) {
  const keys = [error && `apps.error.${error}`, status && `apps.error.status.${status}`];
  const known = keys.find((key) => key && knows(key));
  const words = t(known ?? "apps.error.other");
  return status === null ? words : t("activity.why", { words, status });
}

function ForHelpers() {
  const [text, setText] = useState("");
  const made = useAction();
  const opened = useAction();
  const shown = useRef(null);
  const id = useId();

  const diagnose = () =>
    made.run(async () => {
      const found = await get("/api/diagnostics");
      setText(found.text);
      try {
        await navigator.clipboard.writeText(found.text);
        return t("activity.diagnostics.copied");
      } catch {
        say(t("page.not-copied"), "bad");
        return "";
      }
    });
  return html`
    <${Card} title=${t("activity.help")} lead=${t("activity.help-lead")}>
      <div class="line">
        <${Button} busy=${made.busy} onClick=${diagnose}>${t("activity.diagnostics")}<//>
        <${Button} busy=${opened.busy} onClick=${() => opened.run(async () => post("/api/logs/open"))}>
          ${t("activity.open-logs")}
        <//>
      </div>
      <${Result} problem=${made.problem ?? opened.problem} message=${made.message} />
      ${text &&
      html`
        <div class="field">
          <label for=${id}>${t("activity.diagnostics.shown")}</label>
          <textarea id=${id} ref=${shown} class="mono" rows="10" readonly spellcheck=${false} value=${text} />
        </div>
      `}
      <${Log} />
    <//>
  `;
}

function Log() {
  const [open, setOpen] = useState(false);
  const [log, setLog] = useState(null);
  const done = useAction();
  const end = useRef(null);
  const read = () => done.run(async () => setLog(await get("/api/log")));
  useEffect(() => {
    if (end.current !== null) end.current.scrollTop = end.current.scrollHeight;
  }, [log]);
  const toggle = (event) => {
    setOpen(event.target.open);
    if (event.target.open) read();
  };
  const lines = log?.lines ?? [];
  return html`
    <details class="log" open=${open} onToggle=${toggle}>
      <summary>${t("activity.log")}</summary>
      <div class="stack">
        <${Result} problem=${done.problem} />
        ${log !== null &&
        html`
          <p class="help">${t(lines.length === 0 ? "activity.log.none" : "activity.log.file", { file: log.file })}</p>
          ${lines.length > 0 &&
          html`
            <pre class="mono" ref=${end} tabindex="0" role="group" aria-label=${t("activity.log")}>
              ${lines.join("\n")}
            </pre>
          `}
          <div class="line">
            <${Button} small busy=${done.busy} onClick=${read}>${t("activity.log.again")}<//>
            ${lines.length > 0 && html`<${Copy} text=${lines.join("\n")} label=${t("activity.log.copy")} />`}
          </div>
        `}
      </div>
    </details>
  `;
}
