// The account: signing in with OpenRouter, pasting a key, testing and forgetting it. A key goes in and never comes out.

import { post, remove } from "../call.js";
import { store } from "../store.js";
import { t } from "../texts.js";
import { Button, Confirm, Field, goOnAt, html, Notice, Outside, Result, Shape, useAction } from "../ui.js";
import { useEffect, useId, useRef, useState } from "../vendor/preact-hooks.js";

const FORGETTABLE = ["keyring", "session"];

/** Sign in, or paste a key; for who has none yet. */
export function Connect({ state }) {
  const [pastes, setPastes] = useState(false);
  const begun = useAction();
  const box = useRef(null);
  const { waiting, problem } = state.sign_in;

  const begin = (onScreen) =>
    begun.run(async () => {
      const { url } = await post("/api/sign-in", { on_screen: onScreen });
      // Where the browser keeps new tabs from opening, the link "Open again" is there.
      window.open(url, "_blank", "noopener");
      await store.read("state");
    });
  return html`
    <div class="stack roomy" ref=${box}>
      ${waiting
        ? html`<${Waiting}
            state=${state}
            begin=${begin}
            begun=${begun}
            onCancelled=${() => goOnAt(() => box.current?.querySelector("[data-begin]"))}
          />`
        : html`
            ${problem && html`<${Notice} kind="bad"><p>${problem}</p><//>`}
            <div class="line">
              <${Button} data-begin kind="main" busy=${begun.busy} onClick=${() => begin(false)}>
                ${t("settings.key.sign-in")}
              <//>
              <${Button} aria-expanded=${pastes ? "true" : "false"} onClick=${() => setPastes(!pastes)}>
                ${t("settings.key.have-one")}
              <//>
            </div>
            <${Result} problem=${begun.problem} />
            ${pastes && html`<${Paste} />`}
          `}
    </div>
  `;
}

function Waiting({ state, begin, begun, onCancelled }) {
  const { url, on_screen: onScreen, problem } = state.sign_in;
  const cancelled = useAction();
  const heading = useRef(null);
  useEffect(() => heading.current.focus(), [onScreen]);
  return html`
    <div class="inset stack">
      <h3 class="lamp" ref=${heading} tabindex="-1">
        <${Shape} name="waiting" /><span>${t("settings.key.waiting")}</span>
      </h3>
      <p class="quiet">${t(onScreen ? "settings.key.waiting-code" : "settings.key.waiting-help")}</p>
      ${problem && html`<${Notice} kind="bad"><p>${problem}</p><//>`}
      ${onScreen && html`<${Code} />`}
      <div class="line">
        ${url && html`<${Outside} class="button" href=${url}>${t("settings.key.open-again")}<//>`}
        ${!onScreen &&
        html`<${Button} busy=${begun.busy} onClick=${() => begin(true)}>${t("settings.key.show-code")}<//>`}
        <${Button}
          busy=${cancelled.busy}
          onClick=${() =>
            cancelled.run(async () => {
              await remove("/api/sign-in");
              await store.read("state");
              onCancelled();
            })}
        >
          ${t("settings.key.cancel")}
        <//>
      </div>
      <${Result} problem=${begun.problem ?? cancelled.problem} />
    </div>
  `;
}

function Code() {
  const [code, setCode] = useState("");
  const sent = useAction();
  const id = useId();
  const send = (event) => {
    event.preventDefault();
    sent.run(async () => {
      await post("/api/sign-in/code", { code });
      await store.read("state");
    }, t("settings.key.asking"));
  };
  const error = sent.problem?.fields.code;
  return html`
    <form class="stack" onSubmit=${send}>
      <${Field} id=${id} label=${t("settings.key.code")} error=${error}>
        ${(tied) => html`
          <input
            ...${tied}
            type="text"
            value=${code}
            onInput=${(event) => setCode(event.target.value)}
            autocomplete="off"
            autocapitalize="off"
            spellcheck=${false}
          />
          <${Button} type="submit" kind="main" busy=${sent.busy}>${t("settings.key.code-send")}<//>
        `}
      <//>
      <${Result} problem=${error ? null : sent.problem} waiting=${sent.waiting} />
    </form>
  `;
}

/** A field for a key; what was pasted leaves it as soon as the key is kept. */
function Paste() {
  const [key, setKey] = useState("");
  const [missing, setMissing] = useState(false);
  const done = useAction();
  const form = useRef(null);
  useEffect(() => form.current.querySelector("input").focus(), []);

  const send = (action) => {
    setMissing(!key.trim());
    if (!key.trim()) {
      done.clear();
      form.current.querySelector("input").focus();
      return;
    }
    done.run(action, t("settings.key.asking"));
  };
  const save = (event) => {
    event.preventDefault();
    send(async () => {
      const { message } = await post("/api/key", { key: key.trim() });
      setKey("");
      await store.read("state");
      return message;
    });
  };
  const test = () => send(async () => (await post("/api/key/test", { key: key.trim() })).message);
  return html`
    <form class="stack" ref=${form} onSubmit=${save}>
      <${Field}
        label=${t("settings.key.paste")}
        error=${missing && !key.trim() ? t("settings.key.missing") : null}
        help=${html`${t("settings.key.none-yet")} <${Outside} href="https://openrouter.ai/keys">openrouter.ai/keys<//>`}
      >
        ${(tied) => html`
          <input
            ...${tied}
            type="password"
            placeholder="sk-or-…"
            value=${key}
            onInput=${(event) => setKey(event.target.value)}
            autocomplete="off"
            autocapitalize="off"
            spellcheck=${false}
          />
          <${Button} type="submit" kind="main" busy=${done.busy}>${t("settings.key.save")}<//>
          <${Button} busy=${done.busy} onClick=${test}>${t("settings.key.test")}<//>
        `}
      <//>
      <${Result} problem=${done.problem} message=${done.message} waiting=${done.waiting} />
    </form>
  `;
}

/** The key there is: what it is good for, where it is kept, and what can be done about it. */
export function KeptKey({ state }) {
  const { source, label, about, link, problem } = state.key;
  const [asks, setAsks] = useState(false);
  const done = useAction();
  const back = useRef(null);

  const keep = () => {
    setAsks(false);
    // The button was not there while the question was.
    window.requestAnimationFrame(() => back.current?.querySelector("[data-forget]")?.focus());
  };
  const forget = () =>
    done.run(async () => {
      await remove("/api/key");
      await store.read("state");
      // Where the button was one can sign in now.
      goOnAt(() => document.querySelector("[data-begin]"));
    });
  const test = () =>
    done.run(async () => {
      const { message } = await post("/api/key/test");
      await store.read("state");
      return message;
    }, t("settings.key.asking"));
  return html`
    <div class="stack" ref=${back}>
      <div>
        <p class="lamp strong">
          <${Shape} name="good" />
          <span>${label ? t("settings.key.connected-as", { label }) : t("settings.key.connected")}</span>
        </p>
        ${about && !done.message && html`<p>${about}</p>`}
        <p class="quiet">${t(`settings.key.place.${source}`)}</p>
      </div>
      ${problem && html`<${Notice} kind="warn"><p>${problem}</p><//>`}
      ${asks
        ? html`<${Confirm}
            question=${t("settings.key.forget-question")}
            yes=${t("settings.key.forget-yes")}
            no=${t("settings.key.forget-no")}
            busy=${done.busy}
            onYes=${forget}
            onNo=${keep}
          />`
        : html`
            <div class="line links">
              <${Button} busy=${done.busy} onClick=${test}>${t("settings.key.test")}<//>
              ${FORGETTABLE.includes(source) &&
              html`<${Button}
                data-forget
                busy=${done.busy}
                onClick=${() => {
                  done.clear();
                  setAsks(true);
                }}
              >
                ${t("settings.key.forget")}
              <//>`}
              ${link && html`<${Outside} href=${link}>${t("settings.key.link")}<//>`}
            </div>
          `}
      <${Result} problem=${done.problem} message=${done.message} waiting=${done.waiting} />
    </div>
  `;
}
