// Every setting there is, drawn as the server describes it. What is typed is checked there, and saved all or nothing.

import { post } from "../call.js";
import { store, useTopic } from "../store.js";
import { knows, t } from "../texts.js";
import { Button, Card, Field, html, Notice, Result, say, Switch, useAction } from "../ui.js";
import { plural } from "../words.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";

// What is typed and not saved, by setting. Kept beside the page: a look at another page loses nothing.
let drafts = {};

const shownValue = (value) => (Array.isArray(value) ? value.join(", ") : value === null ? "" : String(value));

/** What is sent for what was typed; an empty field goes back to the default. */
function typedValue(field, typed) {
  if (field.kind === "switch") return typed;
  const words = typed.trim();
  if (words === "") return null;
  if (field.kind === "list") return words.split(",").map((each) => each.trim());
  // What is no number is for the server to refuse, with its reason.
  return field.kind === "number" && Number.isFinite(Number(words)) ? Number(words) : words;
}

export function SettingsForm() {
  const settings = useTopic("settings");
  const [, draw] = useState(0);
  const done = useAction();
  const form = useRef(null);
  const fields = settings?.groups.flatMap((group) => group.fields) ?? [];
  const changed = fields.filter(({ name, fixed }) => name in drafts && !fixed);

  const change = (field, typed) => {
    const same = field.kind === "switch" ? typed === field.value : typed === shownValue(field.value);
    const { [field.name]: _, ...others } = drafts;
    drafts = same ? others : { ...others, [field.name]: typed };
    draw((count) => count + 1);
  };
  const discard = () => {
    drafts = {};
    done.clear();
    say(t("settings.form.discarded"));
  };
  const save = async (event) => {
    event.preventDefault();
    const sent = Object.fromEntries(changed.map((field) => [field.name, typedValue(field, drafts[field.name])]));
    const saved = await done.run(async () => {
      const { message } = await post("/api/settings", { changes: sent });
      drafts = Object.fromEntries(Object.entries(drafts).filter(([name]) => !(name in sent)));
      say(message, "good");
      await store.read("settings");
    }, t("settings.form.saving"));
    if (!saved) window.requestAnimationFrame(() => form.current?.querySelector("[aria-invalid]")?.focus());
  };

  useEffect(() => {
    if (changed.length === 0) return undefined;
    // The bar has just come, and may lie over what is being typed in.
    document.activeElement.scrollIntoView({ block: "nearest" });
    const ask = (event) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [changed.length === 0]);

  if (settings === null) return html`<${Result} problem=${store.problem("settings")} />`;
  const wrong = done.problem?.fields ?? {};
  return html`
    <form ref=${form} noValidate onSubmit=${save} aria-label=${t("settings.title")}>
      ${settings.pending_restart &&
      html`<div class="spaced"><${Notice} kind="warn" title=${t("settings.form.restart")} /></div>`}
      ${settings.groups.map(
        ({ title, fields: within }) => html`
          <${Card} key=${title} title=${title} kind="rows">
            ${within.map(
              (field) => html`
                <${Setting}
                  key=${field.name}
                  field=${field}
                  draft=${field.fixed ? undefined : drafts[field.name]}
                  error=${wrong[field.name]}
                  onChange=${(typed) => change(field, typed)}
                />
              `,
            )}
          <//>
        `,
      )}
      <p class="quiet small-print">${t("settings.form.file")} <code>${settings.file}</code></p>
      ${changed.length > 0 &&
      html`
        <div class="bar" role="group" aria-label=${t("settings.form.bar")}>
          <div>
            <p class="strong">${t(`settings.form.changes.${plural(changed.length)}`, { count: changed.length })}</p>
            <${Result} problem=${done.problem} waiting=${done.waiting} />
          </div>
          <div class="line">
            <${Button} onClick=${discard} busy=${done.busy}>${t("settings.form.discard")}<//>
            <${Button} type="submit" kind="main" busy=${done.busy}>${t("settings.form.save")}<//>
          </div>
        </div>
      `}
    </form>
  `;
}

function Setting({ field, draft, error, onChange }) {
  const { name, label, kind, fixed, value } = field;
  const isChanged = draft !== undefined;
  const mark = isChanged && t("settings.form.changed");
  // What there is to choose from shows by itself.
  const isFree = kind !== "switch" && kind !== "choice";
  const help = html`
    <p>${field.help}</p>
    <p>
      ${isFree && `${t("settings.form.allowed", { allowed: field.allowed })} `}
      ${t("settings.form.default", { value: said(field, field.default) })}
    </p>
    ${field.note && html`<p class="strong">${field.note}</p>`}
    ${fixed && html`<p class="strong">${t("settings.form.fixed", { source: field.source })}</p>`}
    ${field.restart && html`<p>${t("settings.form.next-start")}</p>`}
  `;
  if (kind === "switch") {
    return html`<${Switch}
      label=${label}
      mark=${mark}
      help=${help}
      error=${error}
      checked=${draft ?? value}
      busy=${fixed}
      onChange=${onChange}
    />`;
  }
  const shown = draft ?? shownValue(value);
  const typed = (event) => onChange(event.target.value);
  const isDefault = shown === shownValue(field.default);
  const beside =
    !fixed &&
    !isDefault &&
    html`<${Button}
      kind="plain"
      small
      aria-label=${`${t("settings.form.to-default")}: ${label}`}
      onClick=${() => onChange(shownValue(field.default))}
    >
      ${t("settings.form.to-default")}
    <//>`;
  return html`
    <${Field}
      id=${`setting-${name}`}
      label=${label}
      mark=${mark}
      help=${help}
      error=${error}
      unit=${field.unit}
      beside=${beside}
    >
      ${(tied) => html`
        ${kind === "choice"
          ? html`
              <select ...${tied} value=${shown} disabled=${fixed} onChange=${typed}>
                ${field.choices.map((each) => html`<option key=${each} value=${each}>${said(field, each)}</option>`)}
              </select>
            `
          : html`
              <input
                ...${tied}
                type="text"
                inputmode=${kind === "number" ? "decimal" : undefined}
                class=${kind === "number" ? "numeric" : undefined}
                value=${shown}
                readonly=${fixed}
                onInput=${typed}
                autocomplete="off"
                autocapitalize="off"
                spellcheck=${false}
              />
            `}
      `}
    <//>
  `;
}

/** A value in words: choices have some, and nothing is a value too. */
function said({ name, kind }, value) {
  const key = `settings.choice.${name}.${value}`;
  if (kind === "choice" && knows(key)) return t(key);
  if (value === null || value === "") return t("settings.form.nothing");
  if (kind === "switch") return t(value ? "settings.form.on" : "settings.form.off");
  return shownValue(value);
}
