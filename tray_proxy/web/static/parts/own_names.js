// The owner's own names: what each stands for, and the way to make, remove and restore one. Apps make some, too.

import { post } from "../call.js";
import { store } from "../store.js";
import { t } from "../texts.js";
import { Button, Card, Field, html, Result, useAction } from "../ui.js";
import { useRef, useState } from "../vendor/preact-hooks.js";

export function OwnNames({ names, models }) {
  const [making, setMaking] = useState(false);
  const done = useAction();
  const opener = useRef(null);

  const keep = (name, kept) =>
    done.run(async () => {
      await post("/api/names", { name, kept });
      await store.read("models");
      return t(kept ? "models.names.restored" : "models.names.removed", { name });
    });
  const add = (name) => {
    setMaking(false);
    done.run(async () => t("models.names.added", { name }));
    window.requestAnimationFrame(() => opener.current?.querySelector("[data-add]")?.focus());
  };
  return html`
    <${Card}
      id="names"
      title=${t("models.names")}
      lead=${t("models.names.lead")}
      tools=${html`
        <div ref=${opener}>
          <${Button}
            data-add
            aria-expanded=${making ? "true" : "false"}
            onClick=${() => {
              done.clear();
              setMaking(!making);
            }}
          >
            ${t("models.names.add")}
          <//>
        </div>
      `}
    >
      ${making && html`<${NewName} models=${models} added=${add} />`}
      ${names.length > 0 &&
      html`
        <ul id="names-list" class="own-names">
          ${names.map((row) => html`<${OwnName} key=${row.name} row=${row} busy=${done.busy} keep=${keep} />`)}
        </ul>
      `}
      ${names.length === 0 && !making && html`<p class="quiet">${t("models.names.none")}</p>`}
      <div id="names-result"><${Result} problem=${done.problem} message=${done.message} /></div>
    <//>
  `;
}

function OwnName({ row, busy, keep }) {
  const { name, model, adds, answers, kept } = row;
  const trouble = kept ? (answers ? "" : t("models.names.no-answer")) : t("models.names.gone");
  return html`
    <li>
      <div class="names">
        <bdi class="name">${name}</bdi>
        <bdi class="id">${adds ? t("models.names.preset", { model, adds }) : t("models.names.alias", { model })}</bdi>
        ${trouble && html`<span class="trouble">${trouble}</span>`}
      </div>
      <${Button}
        small
        busy=${busy}
        aria-label=${t(kept ? "models.names.remove-which" : "models.names.restore-which", { name })}
        onClick=${() => keep(name, !kept)}
      >
        ${t(kept ? "models.names.remove" : "models.names.restore")}
      <//>
    </li>
  `;
}

function NewName({ models, added }) {
  const [written, setWritten] = useState({ name: "", model: "", system: "" });
  const done = useAction();
  const form = useRef(null);
  const errors = done.problem?.fields ?? {};
  const isAboutFields = Object.keys(errors).length > 0;

  const save = async (event) => {
    event.preventDefault();
    const { name, model, system } = written;
    const went = await done.run(async () => {
      await post("/api/names/add", { name: name.trim(), model: model.trim(), system: system.trim() || null });
      await store.read("models");
    });
    if (went) added(name.trim());
    else window.requestAnimationFrame(() => form.current?.querySelector("[aria-invalid]")?.focus());
  };
  const control = (name, rest) => (tied) => html`
    <input
      ...${tied}
      ...${rest}
      type="text"
      value=${written[name]}
      autocomplete="off"
      autocapitalize="off"
      spellcheck=${false}
      onInput=${(event) => setWritten({ ...written, [name]: event.target.value })}
    />
  `;
  return html`
    <form class="inset stack" ref=${form} onSubmit=${save} aria-label=${t("models.names.new")}>
      <div class="side-by-side">
        <${Field} label=${t("models.names.name")} help=${t("models.names.name-help")} error=${errors.name}>
          ${control("name", { placeholder: "gpt-4" })}
        <//>
        <${Field} label=${t("models.names.model")} help=${t("models.names.model-help")} error=${errors.model}>
          ${control("model", { list: "known-models" })}
        <//>
      </div>
      <datalist id="known-models">
        ${models.map(({ id, name }) => html`<option key=${id} value=${id}>${name}</option>`)}
      </datalist>
      <${Field} label=${t("models.names.system")} help=${t("models.names.system-help")} error=${errors.system}>
        ${(tied) => html`
          <textarea
            ...${tied}
            rows="3"
            value=${written.system}
            onInput=${(event) => setWritten({ ...written, system: event.target.value })}
          />
        `}
      <//>
      <div class="line"><${Button} type="submit" kind="main" busy=${done.busy}>${t("models.names.save")}<//></div>
      <${Result} problem=${isAboutFields ? null : done.problem} />
    </form>
  `;
}
