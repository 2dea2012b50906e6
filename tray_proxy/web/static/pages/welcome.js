// The page "Welcome": from nothing to the first answer, in steps. It goes on where it was left.

import { post } from "../call.js";
import { Connect, KeptKey } from "../parts/key.js";
import { isInTrouble, PortTrouble } from "../parts/port.js";
import { store, useTopic } from "../store.js";
import { t } from "../texts.js";
import { Button, Card, CopyLine, html, Notice, Page, Result, Shape, useAction } from "../ui.js";
import { dollars, duration, plural, whole } from "../words.js";
import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";

export function Welcome({ state }) {
  // Who wants every model leaves things as they are; only this page knows that it was a choice.
  const [choseEvery, setChoseEvery] = useState(false);
  const [answer, setAnswer] = useState(null);
  const apps = useTopic("apps");
  const { models } = state;
  const chosen = models.allowed > 0 && (models.allowed < models.total || choseEvery || state.answered);
  const met = (apps?.apps ?? []).some((app) => app.listed_s || app.shown_s || app.answered_s);
  const choose = (close) => html`<${Choose} state=${state} every=${() => setChoseEvery(true)} done=${close} />`;
  const point = () => html`<${Point} state=${state} />`;
  const ask = () => html`<${Try} answer=${answer} setAnswer=${setAnswer} />`;
  const steps = [
    {
      name: "connect",
      done: state.key.present,
      body: () => html`<${Connect} state=${state} />`,
      again: () => html`<${KeptKey} state=${state} />`,
    },
    { name: "models", done: chosen, body: choose, again: choose },
    { name: "apps", done: met, body: point, again: point },
    { name: "try", done: state.answered, body: ask, again: ask },
  ];
  const needed = steps.findIndex((step) => !step.done);
  // An app can be pointed here whether or not somebody tries it first.
  const isNext = (at) => !steps[at].done && (at === needed || (needed >= 2 && at >= 2));
  const isOpen = (at) => isNext(at) || (steps[at].name === "try" && answer !== null);
  const ready = state.key.present && chosen && state.answered && !isInTrouble(state);
  const lead = !ready ? "welcome.lead" : state.running ? "welcome.lead-ready" : "welcome.lead-off";
  return html`
    <${Page} title=${t(ready ? "welcome.title-ready" : "welcome.title")} lead=${t(lead)}>
      ${isInTrouble(state) &&
      html`<${Card} id="port" title=${t("welcome.port")}><${PortTrouble} state=${state} /><//>`}
      <${Steps} state=${state} steps=${steps} isOpen=${isOpen} needed=${needed} />
      <${Icon} system=${state.system} />
    <//>
  `;
}

function Steps({ state, steps, isOpen, needed }) {
  const list = useRef(null);
  const before = useRef(needed);
  useEffect(() => {
    // What the keyboard was on went away with the step that is done now: it goes on with the next.
    const lostIts = document.activeElement === document.body || list.current.contains(document.activeElement);
    if (before.current !== -1 && needed > before.current && lostIts) {
      list.current.querySelectorAll("h2")[needed].focus({ preventScroll: true });
    }
    before.current = needed;
  }, [needed]);
  return html`
    <ol class="walk" ref=${list} aria-label=${t("welcome.steps")}>
      ${steps.map(
        (step, at) => html`<${Step} key=${step.name} state=${state} step=${step} at=${at} open=${isOpen(at)} />`,
      )}
    </ol>
  `;
}

function Step({ state, step, at, open }) {
  const [reopened, setReopened] = useState(false);
  useEffect(() => setReopened(false), [step.done]);
  const { name, done } = step;
  const titleId = `step-${name}`;
  const words = t(reopened ? "welcome.close" : `welcome.${name}-again`);
  return html`
    <li class=${`card step ${open || reopened ? "open" : ""} ${done ? "done" : ""}`} aria-labelledby=${titleId}>
      <div class="badge" aria-hidden="true">${done ? html`<${Shape} name="good" />` : at + 1}</div>
      <div class="stack roomy">
        <div class="card-head">
          <div>
            <h2 id=${titleId} tabindex="-1">
              ${t(`welcome.${name}`)}${done && html`<span class="unseen"> ${t("welcome.done")}</span>`}
            </h2>
            ${done && !reopened && !open && html`<p class="quiet">${summary(name, state)}</p>`}
            ${(open || reopened) &&
            html`<p class="quiet">${t(`welcome.${name}-help`)}</p>`}
          </div>
          ${done &&
          !open &&
          html`<${Button}
            small
            aria-expanded=${reopened ? "true" : "false"}
            aria-label=${`${words}: ${t(`welcome.${name}`)}`}
            onClick=${() => setReopened(!reopened)}
          >
            ${words}
          <//>`}
        </div>
        ${open ? step.body(() => {}) : reopened && step.again(() => setReopened(false))}
      </div>
    </li>
  `;
}

function summary(name, state) {
  const { models, key } = state;
  switch (name) {
    case "connect": {
      const named = key.label ? t("settings.key.connected-as", { label: key.label }) : t("settings.key.connected");
      return `${named} · ${key.about ?? t(`settings.key.place.${key.source}`)}`;
    }
    case "models":
      return models.allowed === models.total
        ? t("welcome.models-every", { total: whole(models.total) })
        : t("welcome.models-some", { allowed: whole(models.allowed), total: whole(models.total) });
    case "apps":
      return t("welcome.apps-met");
    default:
      return t("welcome.try-done");
  }
}

const RULES = ["free", "recommended", "every", "myself"];

function Choose({ state, every, done: close }) {
  const models = useTopic("models");
  const [rule, setRule] = useState("free");
  const done = useAction();
  const ids = { free: models?.free ?? [], recommended: models?.recommended ?? [], every: null };
  const allow = (event) => {
    event.preventDefault();
    if (rule === "myself") {
      window.location.hash = "#models";
      return;
    }
    done.run(async () => {
      await post("/api/models", { allowed: ids[rule] });
      if (rule === "every") every();
      await store.read("state");
      close();
    });
  };
  // An empty list is not there yet, or has none of these; to allow it would be to allow nothing.
  const isEmpty = models !== null && ids[rule]?.length === 0;
  const counts = { free: ids.free.length, recommended: ids.recommended.length, every: state.models.total };
  return html`
    <form class="stack roomy" onSubmit=${allow}>
      <fieldset class="options">
        <legend class="unseen">${t("welcome.models")}</legend>
        ${RULES.map(
          (name) => html`
            <label key=${name} class="option">
              <input type="radio" name="rule" value=${name} checked=${rule === name} onChange=${() => setRule(name)} />
              <span>
                <span class="strong">${t(`welcome.rule.${name}`)}</span>
                <span class="quiet">${t(`welcome.rule.${name}-help`, { models: counted(counts[name]) })}</span>
              </span>
            </label>
          `,
        )}
      </fieldset>
      <div class="line">
        <${Button} type="submit" kind="main" busy=${done.busy || models === null || isEmpty}>
          ${t(rule === "myself" ? "welcome.models-open" : "welcome.models-allow")}
        <//>
      </div>
      ${isEmpty && html`<${Notice}><p>${t(state.models.total === 0 ? "welcome.models-none-yet" : "welcome.models-none")}</p><//>`}
      <${Result} problem=${done.problem ?? (models === null ? store.problem("models") : null)} />
    </form>
  `;
}

function counted(count = 0) {
  return t(`welcome.count.${plural(count)}`, { count: whole(count) });
}

function Point({ state }) {
  return html`
    <div class="stack">
      <${CopyLine} text=${state.address} of=${t("welcome.address")} />
      <p class="quiet">${t("welcome.apps-no-key")}</p>
      <div class="line"><a class="button" href="#apps">${t("welcome.apps-open")}</a></div>
    </div>
  `;
}

function Try({ answer, setAnswer }) {
  const done = useAction();
  const ask = () =>
    done.run(async () => {
      setAnswer(await post("/api/try", { model: null }));
      await store.read("state");
    }, t("welcome.try-waiting"));
  return html`
    <div class="stack">
      <div class="line">
        <${Button} kind=${answer ? "" : "main"} busy=${done.busy} onClick=${ask}>
          ${t(answer ? "welcome.try-again" : "welcome.try-ask")}
        <//>
      </div>
      <${Result} problem=${done.problem} waiting=${done.waiting} />
      <div role="status">${answer && !done.busy && html`<${Answer} found=${answer} />`}</div>
    </div>
  `;
}

function Answer({ found }) {
  const cost = found.cost_usd === null ? t("welcome.try-cost-unknown") : dollars(found.cost_usd);
  return html`
    <figure class="answer">
      <blockquote>${found.answer}</blockquote>
      <figcaption class="quiet numbers">
        ${t("welcome.try-facts", { model: found.model, time: duration(found.ms), cost })}
      </figcaption>
    </figure>
  `;
}

function Icon({ system }) {
  return html`
    <${Card} title=${t("welcome.icon")}>
      <p class="quiet">${t(`tray.where-${system}`)}</p>
    <//>
  `;
}
