// Web pages and browser extensions that want to call: who waits for an answer, who may, who never. The tray asks, too.

import { post } from "../call.js";
import { store, useTopic } from "../store.js";
import { t } from "../texts.js";
import { Button, Card, goOnAt, html, Notice, Result, useAction } from "../ui.js";
import { plural } from "../words.js";

/** On every page: that somebody waits, and the way to answer. */
export function Waiting({ count }) {
  return html`
    <${Notice} title=${t(`settings.visitors.wait.${plural(count)}`, { count })}>
      <p><a href="#visitors">${t("settings.visitors.answer")}</a></p>
    <//>
  `;
}

export function Visitors() {
  const visitors = useTopic("visitors");
  const done = useAction();
  const answer = (row, allowed, said) =>
    done.run(async () => {
      await post("/api/visitors", { origin: row.origin, allowed });
      await Promise.all([store.read("visitors"), store.read("state")]);
      // Not on to the next one's button: a key that is held down would answer for all of them.
      goOnAt(() => document.getElementById("visitors-title"));
      return t(said, { who: row.name || row.origin });
    });
  const list = (name, rows, buttons, none) => html`
    <section class="stack" aria-labelledby=${`visitors-${name}`}>
      <h3 id=${`visitors-${name}`}>${t(`settings.visitors.${name}`)}</h3>
      ${rows.length === 0 && html`<p class="quiet">${none}</p>`}
      ${rows.length > 0 &&
      html`
        <ul class="visitors" id=${`visitors-${name}-list`}>
          ${rows.map((row) => html`<${Row} key=${row.origin} row=${row} busy=${done.busy} buttons=${buttons} answer=${answer} />`)}
        </ul>
      `}
    </section>
  `;
  return html`
    <${Card} id="visitors" title=${t("settings.visitors.title")} lead=${t("settings.visitors.lead")}>
      ${visitors !== null &&
      html`
        ${visitors.waiting.length > 0 && list("waiting", visitors.waiting, ANSWERS)}
        ${list("allowed", visitors.allowed, REVOKE, t("settings.visitors.none-allowed"))}
        ${visitors.refused.length > 0 && list("refused", visitors.refused, FORGET)}
      `}
      <div id="visitors-result"><${Result} problem=${done.problem} message=${done.message} /></div>
    <//>
  `;
}

// What each button says, what it answers, and what is said of it afterwards.
const ANSWERS = [
  { label: "origin.always", allowed: true, said: "settings.visitors.now-allowed" },
  { label: "origin.never", allowed: false, said: "settings.visitors.now-refused" },
];
const REVOKE = [{ label: "settings.visitors.revoke", allowed: null, said: "settings.visitors.revoked" }];
const FORGET = [{ label: "settings.visitors.forget", allowed: null, said: "settings.visitors.forgotten" }];

function Row({ row, busy, buttons, answer }) {
  const { origin, name, site, extension } = row;
  // Whose page it is tells the end of its host, which is to be read in one piece.
  const end = extension ? origin.length : origin.lastIndexOf(site);
  return html`
    <li>
      <div class="who">
        ${name && html`<bdi class="name">${name}</bdi>`}
        <bdi class="mono">${origin.slice(0, end)}<span class="site">${origin.slice(end)}</span></bdi>
        <span class="quiet">${t(extension ? "settings.visitors.extension" : "settings.visitors.page")}</span>
      </div>
      <div class="line">
        ${buttons.map(
          ({ label, allowed, said }) => html`
            <${Button}
              key=${label}
              small
              busy=${busy}
              aria-label=${t("settings.visitors.which", { button: t(label), who: name || origin })}
              onClick=${(event) => {
                // The second half of a double click would hit what has moved up.
                if (event.detail < 2) answer(row, allowed, said);
              }}
            >
              ${t(label)}
            <//>
          `,
        )}
      </div>
    </li>
  `;
}
