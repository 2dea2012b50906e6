// The page "Models": which ones apps may use, and the owner's own names for them. Ticks are saved at once.

import { post } from "../call.js";
import { useChoice } from "../parts/model_choice.js";
import { countWords, ModelList, Search, useSearch } from "../parts/model_list.js";
import { OwnNames } from "../parts/own_names.js";
import { PasteList } from "../parts/paste_list.js";
import { Unread } from "../parts/unread.js";
import { store, useTopic } from "../store.js";
import { t } from "../texts.js";
import { Button, Copy, html, Notice, Page, Result, useAction } from "../ui.js";
import { useMemo, useRef, useState } from "../vendor/preact-hooks.js";
import { ago, plural, useNow, whole } from "../words.js";

const OLD_S = 6 * 3600;
const NAMED = 5;
const NONE = [];

/** The rows, of which those stay the same that nothing has changed in: only the others are drawn anew. */
function useRows(models) {
  const kept = useRef(new Map());
  return useMemo(() => {
    const before = kept.current;
    kept.current = new Map(
      (models?.entries ?? NONE).map((row) => {
        const facts = JSON.stringify(row);
        const old = before.get(row.id);
        return [row.id, old?.facts === facts ? old : { row, facts }];
      }),
    );
    return [...kept.current.values()].map(({ row }) => row);
  }, [models]);
}

export function Models({ state }) {
  const models = useTopic("models");
  const rows = useRows(models);
  const choice = useChoice(models, rows);
  const search = useSearch(rows, choice);
  const [pasting, setPasting] = useState(false);
  const box = useRef(null);
  const list = useRef(null);
  const toSearch = () => {
    box.current.focus();
    box.current.select();
  };
  const tickAll = (ids) => {
    choice.tickAll(ids);
    search.settle();
  };
  const paste = (ids, alone) => {
    const known = ids.filter((id) => rows.some((row) => row.id === id));
    tickAll(alone ? known : [...choice.ticks, ...known]);
  };
  return html`
    <${Page} title=${t("models.title")} lead=${t("models.lead")} tools=${html`<${Age} models=${models} />`}>
      <${Notices} models=${models} local=${state.port?.both?.models ?? NONE} />
      <section class="card picker" aria-labelledby="title">
        <${Rule} choice=${choice} />
        <${Search} search=${search} box=${box} total=${rows.length} goDown=${() => list.current.focusFirst()} />
        <div class="list-bar">
          <div class="now">
            <p id="models-count" role="status">${rows.length > 0 && countWords(search, choice, rows.length)}</p>
            <div class="line">
              <div id="models-result"><${Result} ...${choice.how} /></div>
              ${choice.undo && html`<${Undo} undo=${choice.undo} settle=${search.settle} />`}
            </div>
          </div>
          ${rows.length > 0 &&
          html`<${Bulk}
            models=${models}
            choice=${choice}
            search=${search}
            tickAll=${tickAll}
            paste=${() => setPasting(true)}
          />`}
        </div>
        <${ModelList} search=${search} choice=${choice} list=${list} toSearch=${toSearch}>
          <${Nothing} models=${models} search=${search} total=${rows.length} />
        <//>
        <p id="models-keys" class="help">${t("models.keys")}</p>
      </section>
      <${OwnNames} names=${models?.names ?? NONE} models=${rows} />
      ${pasting &&
      html`<${PasteList}
        hasTicks=${!choice.every && choice.ticks.size > 0}
        allow=${paste}
        close=${() => setPasting(false)}
      />`}
    <//>
  `;
}

function Rule({ choice }) {
  const radio = (every, choose) => html`
    <label>
      <input
        type="radio"
        name="rule"
        checked=${choice.every === every}
        onChange=${choose}
      />
      <span>
        <span class="rule-name">${t(every ? "models.rule.every" : "models.rule.ticked")}</span>
        <span class="help">${t(every ? "models.rule.every-help" : "models.rule.ticked-help")}</span>
      </span>
    </label>
  `;
  return html`
    <fieldset class="rule">
      <legend class="unseen">${t("models.rule")}</legend>
      ${radio(false, choice.allowTicked)} ${radio(true, choice.allowEvery)}
    </fieldset>
  `;
}

function Bulk({ models, choice, search, tickAll, paste }) {
  const ticked = [...choice.ticks];
  return html`
    <div class="line" id="models-bulk">
      ${!choice.every &&
      html`
        <${Button} small onClick=${() => tickAll([])}>${t("models.none")}<//>
        ${models.recommended.length > 0 &&
        html`<${Button} small onClick=${() => tickAll(models.recommended)}>${t("models.recommended")}<//>`}
        <${Button} small onClick=${() => tickAll([...ticked, ...search.shown])}>${t("models.all-shown")}<//>
      `}
      <${Button} small onClick=${paste}>${t("models.paste")}<//>
      <${Copy} text=${ticked.join("\n")} label=${t("models.copy")} />
    </div>
  `;
}

function Undo({ undo, settle }) {
  const takeBack = () => {
    undo();
    settle();
    // The button goes, and the keyboard with it.
    document.querySelector("#models-bulk button").focus();
  };
  return html`<${Button} small kind="plain" onClick=${takeBack}>${t("models.undo")}<//>`;
}

function Age({ models }) {
  const nowS = useNow();
  const fetchedS = useMemo(() => Date.now() / 1000 - (models?.age_s ?? 0), [models]);
  const done = useAction();
  if (models === null) return null;
  const refresh = () =>
    done.run(async () => {
      await post("/api/models/refresh");
      await store.read("models");
    }, t("models.refreshing"));
  const ageS = Math.max(models.age_s, nowS - fetchedS);
  return html`
    <div class="age">
      <${Button} small busy=${done.busy} onClick=${refresh}>${t("models.refresh")}<//>
      <p id="models-age" class="help">
        ${models.age_s !== null && t(ageS < OLD_S ? "models.age" : "models.age.old", { ago: ago(ageS) })}
      </p>
      <${Result} problem=${done.problem} waiting=${done.waiting} />
    </div>
  `;
}

/** The first few of them, and how many more. */
function few(names) {
  const named = names.slice(0, NAMED).join(", ");
  const more = names.length - NAMED;
  return more > 0 ? t("models.hidden-more", { named, count: whole(more) }) : named;
}

function Notices({ models, local }) {
  if (models === null) return html`<${Unread} topic="models" />`;
  const { hidden, filter_file: filterFile } = models;
  return html`
    <div class="stack notices">
      ${hidden.length > 0 &&
      html`<${Notice}>
        <p id="models-hidden">
          ${t(`models.hidden.${plural(hidden.length)}`, { named: few(hidden) })}
        </p>
      <//>`}
      ${local.length > 0 &&
      html`<${Notice}>
        <p id="models-local">${t(`models.local.${plural(local.length)}`, { named: few(local) })}</p>
      <//>`}
      ${filterFile !== null &&
      html`<${Notice}><p id="models-filter">${t("models.filter-file", { file: filterFile })}</p><//>`}
    </div>
  `;
}

function Nothing({ models, search, total }) {
  if (models === null || search.shown.size > 0) return null;
  const wanted = search.words.trim();
  let words = "";
  if (total === 0 && models.age_s === null) words = t("models.nothing.not-loaded");
  else if (total === 0) words = t(models.filter_file ? "models.nothing.filtered" : "models.nothing.at-all");
  else if (search.traits.length > 0) words = t("models.nothing.traits");
  else if (wanted) words = t(search.onlyTicked ? "models.nothing.ticked" : "models.nothing.found", { wanted });
  else words = t("models.nothing.none-ticked");
  return html`
    <div class="nothing">
      <p id="models-empty">${words}</p>
      ${total > 0 &&
      html`<${Button} small onClick=${() => search.want({ words: "", traits: [], onlyTicked: false })}>
        ${t("models.show-all")}
      <//>`}
    </div>
  `;
}
