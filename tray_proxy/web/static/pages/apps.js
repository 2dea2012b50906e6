// The page "Apps": what each has to be told, and lamps that turn on by themselves as it calls.

import { Unread } from "../parts/unread.js";
import { useTopic } from "../store.js";
import { t } from "../texts.js";
import { Button, Card, Copy, CopyLine, html, Lamp, Notice, Page, say, Shape } from "../ui.js";
import { useEffect, useId, useRef, useState } from "../vendor/preact-hooks.js";
import { ago, useNow } from "../words.js";

// What an app does first, next and last, by the field that has its time.
const LAMPS = ["listed_s", "shown_s", "answered_s"];
const NONE = [];

const lastCall = (app) => Math.max(...LAMPS.map((lamp) => app[lamp] ?? 0));
const wasSeen = (app) => lastCall(app) > 0 || app.last_error !== null;

export function Apps({ state }) {
  const told = useTopic("apps");
  const nowS = useNow();
  const [wanted, setWanted] = useState("");
  const [top, setTop] = useState(null);
  useSpokenLamps(told);

  const apps = told?.apps ?? NONE;
  // Those that have called come first; in which order was settled when the page was opened or the search changed, so
  // that no card moves away under a hand.
  const settle = () => {
    const callers = apps.filter(wasSeen).sort((one, other) => lastCall(other) - lastCall(one));
    setTop(callers.map(({ id }) => id));
  };
  useEffect(() => {
    if (told !== null && top === null) settle();
  }, [told === null, top === null]);
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  const found = apps.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
  const seen = (top ?? NONE).map((id) => found.find((app) => app.id === id)).filter(Boolean);
  // What fits most programs is there for all that have no card.
  const rest = found.length > 0 ? found.filter((app) => !seen.includes(app)) : apps.filter(({ id }) => id === "other");

  const noModels = state.models.allowed === 0;
  const group = (name, title, shown) =>
    shown.length > 0 &&
    html`
      <section key=${name} class="card apps" aria-labelledby=${`apps-${name}`}>
        <h2 id=${`apps-${name}`}>${title}</h2>
        <ul>
          ${shown.map((app) => html`<${App} key=${app.id} app=${app} nowS=${nowS} noModels=${noModels} />`)}
        </ul>
      </section>
    `;
  return html`
    <${Page} title=${t("apps_page.title")} lead=${t("apps_page.lead")}>
      <${Unread} topic="apps" />
      <${Card}
        id="address"
        title=${t("apps_page.address")}
        lead=${told?.access_key ? t("apps_page.address-help-key") : t("apps_page.address-help")}
      >
        <${CopyLine} text=${told?.address ?? state.address} of=${t("apps_page.address")} />
        ${told?.elsewhere &&
        html`
          <p>${t("apps_page.elsewhere")}</p>
          <${CopyLine} text=${told.elsewhere} of=${t("apps_page.elsewhere")} />
        `}
      <//>
      <div class="find-app" role="search">
        <label class="unseen" for="apps-search">${t("apps_page.search")}</label>
        <input
          type="search"
          id="apps-search"
          placeholder=${t("apps_page.search")}
          value=${wanted}
          autocomplete="off"
          spellcheck=${false}
          onInput=${(event) => {
            setWanted(event.target.value);
            settle();
          }}
          onKeyDown=${(event) => event.key === "Escape" && setWanted("")}
        />
      </div>
      ${told !== null &&
      found.length === 0 &&
      html`
        <div class="card nothing">
          <p id="apps-empty">${t("apps_page.not-found", { wanted: wanted.trim() })}</p>
          <${Button} small onClick=${() => setWanted("")}>${t("apps_page.show-all")}<//>
        </div>
      `}
      ${group("seen", t("apps_page.seen"), seen)}
      ${group("rest", t(seen.length > 0 ? "apps_page.more" : "apps_page.all"), rest)}
      ${told !== null && told.others.length > 0 && html`<${Others} others=${told.others} nowS=${nowS} />`}
    <//>
  `;
}

/** Tell who hears the page that a lamp has turned on; who sees it sees the lamp. */
function useSpokenLamps(told) {
  const before = useRef(null);
  useEffect(() => {
    if (told === null) return;
    for (const app of before.current === null ? NONE : told.apps) {
      const was = before.current.get(app.id);
      for (const lamp of LAMPS) {
        if (app[lamp] !== null && was?.[lamp] === null) {
          say(t("apps_page.turned-on", { app: app.name, lamp: t(`apps_page.lamp.${lamp}`) }), "good", { seen: false });
        }
      }
    }
    before.current = new Map(told.apps.map((app) => [app.id, app]));
  }, [told]);
}

function App({ app, nowS, noModels }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return html`
    <li class="app">
      <h3>
        <button
          type="button"
          class="app-head"
          aria-expanded=${open ? "true" : "false"}
          aria-controls=${id}
          onClick=${() => setOpen(!open)}
        >
          <span class="app-name">${app.name}</span>
          <span class="app-state"><${Summary} app=${app} nowS=${nowS} /></span>
          <span class="chevron" aria-hidden="true"></span>
        </button>
      </h3>
      ${open &&
      html`
        <div id=${id} class="app-body">
          <div class="stack">
            ${app.needs && html`<p class="quiet">${app.needs}</p>`}
            <ol class="how">
              ${app.steps.map((step) => html`<${Step} key=${step.text} ...${step} />`)}
            </ol>
          </div>
          <div class="stack">
            <h4>${t("apps_page.lamps")}</h4>
            <${Lamps} of=${app} nowS=${nowS} />
            ${app.last_error && html`<${Notice} kind="bad"><p>${app.last_error}</p><//>`}
            ${app.hint &&
            html`<${Notice} kind="warn">
              <p>${app.hint}</p>
              ${noModels && html`<p><a href="#models">${t("apps_page.choose-models")}</a></p>`}
            <//>`}
            ${app.models_line && html`<p>${app.models_line}</p>`}
            ${app.note && html`<p class="help">${app.note}</p>`}
          </div>
        </div>
      `}
    </li>
  `;
}

function Summary({ app, nowS }) {
  if (app.last_error !== null) return html`<${Lamp} shape="attention">${t("apps_page.state.failed")}<//>`;
  if (app.answered_s !== null) {
    return html`<${Lamp} shape="on">${t("apps_page.state.answered", { ago: ago(nowS - app.answered_s) })}<//>`;
  }
  if (app.hint !== null) return html`<${Lamp} shape="attention">${t("apps_page.state.hint")}<//>`;
  if (lastCall(app) > 0) {
    return html`<${Lamp} shape="waiting">${t("apps_page.state.seen", { ago: ago(nowS - lastCall(app)) })}<//>`;
  }
  return html`<${Lamp} shape="off">${t("apps_page.state.not-seen")}<//>`;
}

function Lamps({ of, nowS }) {
  return html`
    <ul class="lamps">
      ${LAMPS.map((lamp) => {
        const timeS = of[lamp];
        return html`
          <li key=${lamp} class=${timeS === null ? "dark" : "lit"}>
            <${Shape} name=${timeS === null ? "off" : "good"} />
            <span>
              ${t(`apps_page.lamp.${lamp}`)}${" "}
              <span class="when">${timeS === null ? t("apps_page.lamp.not-yet") : ago(nowS - timeS)}</span>
            </span>
          </li>
        `;
      })}
    </ul>
  `;
}

function Step({ text, copy }) {
  return html`
    <li>
      <p>${text}</p>
      ${copy !== null &&
      (copy.includes("\n")
        ? html`
            <div class="copy-block">
              <pre class="mono" tabindex="0" role="group" aria-label=${text}>${copy}</pre>
              <${Copy} text=${copy} of=${text} />
            </div>
          `
        : html`<${CopyLine} text=${copy} />`)}
    </li>
  `;
}

function Others({ others, nowS }) {
  return html`
    <${Card} title=${t("apps_page.others")} lead=${t("apps_page.others-help")} kind="others">
      <ul>
        ${others.map(
          (program) => html`
            <li key=${program.agent}>
              <bdi class="app-name">${program.agent}</bdi>
              <${Lamps} of=${program} nowS=${nowS} />
              ${program.last_error && html`<${Lamp} shape="attention">${program.last_error}<//>`}
            </li>
          `,
        )}
      </ul>
    <//>
  `;
}
