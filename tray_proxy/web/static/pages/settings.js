// The page "Settings": the account, the port, starting at login, a check of everything, and every setting there is.

import { post } from "../call.js";
import { Connect, KeptKey } from "../parts/key.js";
import { Both, isInTrouble, PortTrouble } from "../parts/port.js";
import { SettingsForm } from "../parts/settings_form.js";
import { Visitors } from "../parts/visitors.js";
import { store } from "../store.js";
import { t } from "../texts.js";
import { attempt, Button, Card, Copy, html, Lamp, Outside, Page, Result, say, Switch, useAction } from "../ui.js";
import { plural } from "../words.js";
import { useState } from "../vendor/preact-hooks.js";

export function Settings({ state }) {
  return html`
    <${Page} title=${t("settings.title")} lead=${t("settings.lead")}>
      ${isInTrouble(state) &&
      html`<${Card} id="port" title=${t("settings.port.title")}><${PortTrouble} state=${state} /><//>`}
      <${Card} id="key" title=${t("settings.key.title")}>
        ${state.key.present
          ? html`<${KeptKey} state=${state} />`
          : html`
              <p class="quiet">${t("settings.key.help")}</p>
              ${state.key.problem && html`<${Result} problem=${{ message: state.key.problem }} />`}
              <${Connect} state=${state} />
            `}
      <//>
      ${!isInTrouble(state) &&
      state.port?.both &&
      html`<${Card} id="both" title=${t("settings.both.card")}><${Both} state=${state} /><//>`}
      <${Visitors} />
      <${Card} title=${t("settings.start.title")}><${StartAtLogin} state=${state} /><//>
      <${Check} />
      <${SettingsForm} />
      <${About} state=${state} />
    <//>
  `;
}

function StartAtLogin({ state }) {
  const { enabled, problem } = state.autostart;
  const done = useAction();
  const turn = (on) =>
    done.run(async () => {
      await post("/api/autostart", { on });
      await store.read("state");
    });
  const failed = done.problem && [done.problem.message, done.problem.hint].filter(Boolean).join(" ");
  return html`
    <${Switch}
      label=${t("settings.start.label")}
      help=${t("settings.start.help")}
      error=${failed || problem}
      checked=${enabled}
      busy=${done.busy}
      onChange=${turn}
    />
  `;
}

function Check() {
  const [found, setFound] = useState(null);
  const done = useAction();
  const run = () =>
    done.run(async () => {
      const answer = await post("/api/check");
      setFound(answer);
      const bad = answer.lines.filter((line) => !line.ok).length;
      say(bad === 0 ? t("settings.check.all-good") : t(`settings.check.some-bad.${plural(bad)}`, { count: bad }), "", { seen: false });
    }, t("settings.check.waiting"));
  const copy = found && !done.busy && html`<${Copy} text=${found.text} label=${t("settings.check.copy")} />`;
  return html`
    <${Card}
      id="check"
      title=${t("settings.check.title")}
      lead=${t("settings.check.help")}
      tools=${html`<${Button} busy=${done.busy} onClick=${run}>${t("settings.check.run")}<//> ${copy}`}
    >
      <${Result} problem=${done.problem} waiting=${done.waiting} />
      ${found &&
      !done.busy &&
      html`
        <ul class="checks" aria-label=${t("settings.check.title")}>
          ${found.lines.map(
            ({ name, ok, text, cure }) => html`
              <li key=${name}>
                <${Lamp} shape=${ok ? "good" : "bad"}>
                  <span class="unseen">${t(ok ? "settings.check.good" : "settings.check.bad")}: </span>
                  <span class="strong">${name}</span>
                <//>
                <div>
                  <p>${text}</p>
                  ${cure && html`<p class="quiet">${cure}</p>`}
                </div>
              </li>
            `,
          )}
        </ul>
      `}
    <//>
  `;
}

function About({ state }) {
  return html`
    <${Card} title=${t("settings.about.title")}>
      <dl class="facts">
        <dt>${t("settings.about.version")}</dt>
        <dd>${t("page.product")} ${state.version}</dd>
        <dt>${t("settings.about.address")}</dt>
        <dd><code>${state.address}</code></dd>
      </dl>
      <div class="line links">
        <${Button} onClick=${() => attempt(() => post("/api/logs/open"))}>${t("settings.about.logs")}<//>
        <${Outside} href="https://openrouter.ai/settings/credits">${t("settings.about.credits")}<//>
        <${Outside} href="https://openrouter.ai/activity">${t("settings.about.activity")}<//>
      </div>
    <//>
  `;
}
