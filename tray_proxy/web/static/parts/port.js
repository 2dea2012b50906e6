// Trouble with the port: who has it, and ways out of it that work. Tray Proxy never moves silently, and ends nobody.

import { post, Problem } from "../call.js";
import { store } from "../store.js";
import { t } from "../texts.js";
import { Button, CopyLine, Field, html, Lamp, Notice, Result, useAction } from "../ui.js";
import { useState } from "../vendor/preact-hooks.js";

/** Whether somebody must decide something about the port. */
export const isInTrouble = ({ port }) => port !== null && port.kind !== "open" && port.kind !== "off";

function change(content) {
  return async () => {
    await post("/api/port", content);
    await store.read("state");
  };
}

/** What is wrong with the port, and the ways out of it. */
export function PortTrouble({ state }) {
  const { kind, sentence, both } = state.port;
  return html`
    <div class="stack roomy">
      <${Notice} kind="warn" title=${sentence}><p>${t(`settings.port.about.${kind}`)}</p><//>
      ${both !== null ? html`<div class="inset"><${Both} state=${state} /></div>` : kind === "ollama" && html`<${UseBoth} state=${state} />`}
      <${UseAnother} state=${state} />
      ${kind !== "forbidden" && both === null && html`<${Wait} waiting=${state.port.waiting} />`}
    </div>
  `;
}

function UseAnother({ state }) {
  const [port, setPort] = useState(String(state.port.suggested_port ?? ""));
  const done = useAction();
  const address = new URL(state.address);
  address.port = port;
  const use = (event) => {
    event.preventDefault();
    done.run(change({ action: "use", port: Number(port) }), t("settings.port.moving"));
  };
  const error = done.problem?.fields.port;
  return html`
    <form class="inset stack" noValidate onSubmit=${use}>
      <h3>${t("settings.port.another")}</h3>
      <${Field} label=${t("settings.port.number")} error=${error}>
        ${(tied) => html`
          <input
            ...${tied}
            class="numeric"
            inputmode="numeric"
            value=${port}
            onInput=${(event) => setPort(event.target.value)}
            autocomplete="off"
          />
          <${Button} type="submit" busy=${done.busy}>${t("settings.port.use", { port: port || "…" })}<//>
        `}
      <//>
      <p class="quiet">${t("settings.port.then-change")}</p>
      <${CopyLine} text=${address.href.replace(/\/$/, "")} of=${t("settings.port.new-address")} />
      <${Result} problem=${error ? null : done.problem} waiting=${done.waiting} />
    </form>
  `;
}

function Wait({ waiting }) {
  const done = useAction();
  const act = (action) => () => done.run(change({ action }));
  return html`
    <div class="inset stack">
      <h3>${t("settings.port.wait-title")}</h3>
      <p class="quiet">${t("settings.port.wait-help")}</p>
      <div class="line">
        ${waiting
          ? html`
              <${Lamp} shape="waiting">${t("settings.port.waiting")}<//>
              <${Button} busy=${done.busy} onClick=${act("stop-waiting")}>${t("settings.port.stop-waiting")}<//>
            `
          : html`<${Button} busy=${done.busy} onClick=${act("wait")}>${t("settings.port.wait")}<//>`}
      </div>
      <${Result} problem=${done.problem} />
    </div>
  `;
}

function UseBoth({ state }) {
  const [url, setUrl] = useState(state.port.suggested_url);
  const done = useAction();
  const use = (event) => {
    event.preventDefault();
    done.run(change({ action: "both", url: url.trim() }));
  };
  const error = done.problem?.fields.url;
  return html`
    <form class="inset stack" noValidate onSubmit=${use}>
      <h3>${t("settings.both.title")} <span class="tag">${t("settings.both.recommended")}</span></h3>
      <p class="quiet">${t("settings.both.help")}</p>
      <${Field} label=${t("settings.both.address")} error=${error} help=${t("settings.both.address-help")}>
        ${(tied) => html`
          <input
            ...${tied}
            type="url"
            value=${url}
            onInput=${(event) => setUrl(event.target.value)}
            autocomplete="off"
            spellcheck=${false}
          />
          <${Button} type="submit" kind="main" busy=${done.busy}>${t("settings.both.use")}<//>
        `}
      <//>
      <${Result} problem=${error ? null : done.problem} />
    </form>
  `;
}

/** A real Ollama beside us: the steps that are left until it answers there, and the way back. */
export function Both({ state }) {
  const { both, waiting } = state.port;
  const checked = useAction();
  const ended = useAction();
  const check = () =>
    checked.run(async () => {
      const found = await post("/api/port/check", { url: both.url });
      await store.read("state");
      if (!found.ok) throw new Problem(found.problem);
    }, t("settings.both.checking"));
  return html`
    <div class="stack">
      <h3>${t("settings.both.title")}</h3>
      ${both.ok
        ? html`<p>
            <${Lamp} shape="good">
              ${t("settings.both.on", { version: both.version, url: both.url, count: both.models.length })}
            <//>
          </p>`
        : html`
            <p class="quiet">${t("settings.both.left")}</p>
            <ol class="steps">
              ${both.steps.map((step) => html`<li key=${step}>${step}</li>`)}
            </ol>
            <p><${Lamp} shape="waiting">${both.problem}<//></p>
          `}
      ${waiting && html`<p><${Lamp} shape="waiting">${t("settings.port.waiting")}<//></p>`}
      <div class="line">
        ${!both.ok && html`<${Button} kind="main" busy=${checked.busy} onClick=${check}>${t("settings.both.check")}<//>`}
        <${Button} busy=${ended.busy} onClick=${() => ended.run(change({ action: "both-off" }))}>
          ${t("settings.both.off")}
        <//>
      </div>
      <${Result} problem=${checked.problem ?? ended.problem} waiting=${checked.waiting} />
    </div>
  `;
}
