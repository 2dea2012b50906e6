// The card "Models": which ones apps may use. Ticks are saved at once.

import { allowModels } from "./call.js";
import { byId, say, sayProblem, write, writeOrHide } from "./dom.js";
import { makeRow } from "./model_row.js";
import { makeSaver } from "./saver.js";

const OLD_S = 6 * 3600;
const HIDDEN_NAMED = 5;

function ageWords(ageS) {
  const units = [
    [86_400, "day"],
    [3600, "hour"],
    [60, "minute"],
  ];
  for (const [lengthS, name] of units) {
    const count = Math.floor(ageS / lengthS);
    if (count >= 1) return `${count} ${name}${count === 1 ? "" : "s"} old`;
  }
  return "less than a minute old";
}

function ageSentence(ageS) {
  if (ageS === null) return "";
  const old = ageS >= OLD_S ? " Prices may have changed since." : "";
  return `Prices are in US dollars per million tokens. This list is ${ageWords(ageS)}.${old}`;
}

function hiddenSentence(hidden) {
  if (hidden.length === 0) return "";
  const named = hidden.slice(0, HIDDEN_NAMED).join(", ");
  const more = hidden.length > HIDDEN_NAMED ? ` and ${hidden.length - HIDDEN_NAMED} more` : "";
  const them = hidden.length === 1 ? "it" : "them";
  return (
    `Hidden: ${named}${more}. Every other model is allowed, also those that are new. ` +
    `Choose “Every model” to show ${them} again.`
  );
}

/** `page` offers `refresh()` and `notice(problem)`, as in page.js. */
export function mountModels(page) {
  const list = byId("models-list");
  const search = byId("models-search");
  const onlyTicked = byId("models-only-ticked");
  const every = byId("models-every");
  const result = byId("models-result");

  let rows = new Map(); // id → {item, box, searched, facts}; in the order of the list
  let rowsMade = 0;
  let ticksBefore = null; // for Undo
  let lastTicks = null; // what was ticked before "Every model" was chosen
  let savedAt = 0;
  let entries = [];
  let models = null;

  const boxes = () => [...rows.values()].map(({ box }) => box);
  const shown = () => [...rows.values()].filter(({ item }) => !item.hidden);
  const ticks = () => boxes().filter((box) => box.checked).map((box) => box.value);

  const saver = makeSaver(allowModels, {
    saved() {
      savedAt = performance.now();
      say(result, `Saved. ${effectWords()}`, "good");
      page.refresh();
    },
    async failed(problem) {
      page.notice(problem);
      forgetUndo();
      await page.refresh();
      sayProblem(result, problem);
    },
  });

  function effectWords() {
    const count = ticks().length;
    if (every.checked) return "Apps see every model, also those that are new.";
    if (count === rows.size) return "Every model is still ticked: press None to begin with none.";
    if (count === 0) return "No model is allowed now: apps see an empty list.";
    return "Apps see the change at once.";
  }

  function save() {
    say(result, "Saving…");
    saver.offer(every.checked ? null : ticks());
    showCount();
  }

  function showCount() {
    const total = rows.size;
    const visible = shown().length;
    const allowed = every.checked ? `All ${total} allowed` : `${ticks().length} of ${total} allowed`;
    write(byId("models-count"), visible === total ? allowed : `${allowed} · ${visible} shown`);
  }

  function showEmpty() {
    let words = "";
    if (entries.length === 0 && models.age_s === null) {
      words = "The model list is not loaded yet. Check the internet connection; Tray Proxy keeps trying by itself.";
    } else if (entries.length === 0) {
      words = models.filter_file ? "The file that MODELS_FILTER names leaves no model." : "The model list is empty.";
    } else if (shown().length === 0) {
      const wanted = search.value.trim();
      const among = onlyTicked.checked ? "No ticked model" : "No model";
      words = wanted ? `${among} has “${wanted}” in its name.` : "Nothing is ticked yet.";
    }
    writeOrHide(byId("models-empty"), words);
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const ticked = onlyTicked.checked && !every.checked;
    for (const { item, box, searched } of rows.values()) {
      item.hidden = (ticked && !box.checked) || !words.every((word) => searched.includes(word));
    }
    showCount();
    showEmpty();
  }

  function showRule() {
    byId("models-ticked").checked = !every.checked;
    byId("models-ticking").hidden = every.checked;
    for (const box of boxes()) box.disabled = every.checked;
  }

  /** Tick many at once, so that it can be taken back. */
  function tickAll(wanted) {
    ticksBefore = new Set(ticks());
    for (const row of rows.values()) row.box.checked = wanted(row);
    byId("models-undo").hidden = false;
    save();
  }

  function forgetUndo() {
    ticksBefore = null;
    byId("models-undo").hidden = true;
  }

  /**
   * Draw the list anew if it changed, and say whether it did. The item of a model whose facts are the same stays,
   * and the keyboard's place in the list with it.
   */
  function showRows() {
    const drawn = new Map();
    let same = entries.length === rows.size;
    const before = rows.keys();
    for (const { allowed: _, ...row } of entries) {
      const facts = JSON.stringify(row);
      const old = rows.get(row.id);
      same &&= before.next().value === row.id && old?.facts === facts;
      drawn.set(row.id, old?.facts === facts ? old : { ...makeRow(row, (rowsMade += 1)), facts });
    }
    rows = drawn;
    if (same) return false;
    const focused = document.activeElement;
    list.replaceChildren(...[...rows.values()].map(({ item }) => item));
    if (list.contains(focused)) focused.focus({ preventScroll: true });
    return true;
  }

  function moveTo(box) {
    if (!box) return;
    box.focus();
    box.closest("li").scrollIntoView({ block: "nearest" });
  }

  search.addEventListener("input", filter);
  onlyTicked.addEventListener("change", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      moveTo(shown()[0]?.box);
    } else if (event.key === "Escape" && search.value) {
      search.value = "";
      filter();
    }
  });
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      const visible = shown();
      const target = visible.findIndex(({ box }) => box === event.target) + step;
      if (target < 0) search.focus();
      else moveTo(visible[target]?.box);
    } else if (event.key === "Escape") {
      search.focus();
      search.select();
    }
  });
  list.addEventListener("change", () => {
    forgetUndo();
    save();
  });

  byId("models-all").addEventListener("click", () => tickAll(({ item, box }) => box.checked || !item.hidden));
  byId("models-none").addEventListener("click", () => tickAll(() => false));
  byId("models-undo").addEventListener("click", () => {
    for (const [id, { box }] of rows) box.checked = ticksBefore.has(id);
    forgetUndo();
    byId("models-none").focus();
    save();
  });

  every.addEventListener("change", () => {
    lastTicks = new Set(ticks());
    for (const box of boxes()) box.checked = true;
    forgetUndo();
    showRule();
    filter();
    save();
  });
  byId("models-ticked").addEventListener("change", () => {
    // Nothing changes for the apps until a tick is removed, unless there are ticks to go back to.
    if (lastTicks) for (const [id, { box }] of rows) box.checked = lastTicks.has(id);
    showRule();
    filter();
    save();
  });

  window.addEventListener("pagehide", saver.flush);

  return function show(state, askedAt) {
    ({ models } = state);
    ({ entries } = models);
    const everyBefore = every.checked;
    const redrawn = showRows();
    // What was read before the last tick was saved would take it back for a moment.
    if (!saver.isBusy() && askedAt >= savedAt) {
      every.checked = models.all_allowed;
      for (const { id, allowed } of entries) rows.get(id).box.checked = allowed;
    }
    showRule();
    // Otherwise the row that was just unticked would go from under the keyboard while only ticked ones are shown.
    if (redrawn || every.checked !== everyBefore) filter();
    showCount();
    showEmpty();
    byId("models-tools").hidden = entries.length === 0;
    search.placeholder = `Search ${entries.length} models`;
    writeOrHide(byId("models-hidden"), hiddenSentence(models.hidden));
    writeOrHide(
      byId("models-filter"),
      models.filter_file && `MODELS_FILTER limits this list to the models named in ${models.filter_file}.`,
    );
    writeOrHide(byId("models-age"), ageSentence(models.age_s));
  };
}
