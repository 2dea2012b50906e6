// The page as a whole: reads the state again and again while somebody looks, and hands it to every card.
// A card is a module with one function that connects its controls and returns `show(state, askedAt)`, which draws.

import { mountAddress } from "./address.js";
import { Problem, readState, SessionEnded, Unreachable } from "./call.js";
import { byId, write, writeOrHide } from "./dom.js";
import { mountKey } from "./key.js";
import { mountModels } from "./models.js";
import { mountNames } from "./names.js";

// What an app changes is in sight within a second.
const REFRESH_EVERY_MS = 500;
// Where the keyboard begins when the tray opens a section of the page.
const FIRST_FIELDS = { address: "address-copy", key: "key-field", models: "models-search" };

let queue = Promise.resolve();
let waiting = 0;
let ended = false;
let shownOnce = false;

function showStatus(text, kind) {
  write(byId("status"), text);
  byId("status").dataset.kind = kind;
}

function showHeader(state) {
  write(byId("version"), state.version);
  showStatus(state.status, state.running ? "on" : "off");
  byId("demo").hidden = !state.demo;
  writeOrHide(byId("problem"), state.problem);
}

/** Hear of a problem that concerns the whole page and not the card it happened in. */
function notice(problem) {
  if (problem instanceof SessionEnded) {
    ended = true;
    byId("page").hidden = true;
    byId("ended").hidden = false;
    showStatus("Not connected", "off");
  } else if (problem instanceof Unreachable) {
    showStatus("Not connected", "off");
    writeOrHide(byId("problem"), `${problem.message} ${problem.hint}`);
  }
}

async function read() {
  if (ended) return;
  const askedAt = performance.now();
  try {
    const state = await readState();
    byId("page").hidden = false;
    for (const show of shows) show(state, askedAt);
    if (!shownOnce) goToSection();
    shownOnce = true;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    notice(problem);
  }
}

/** Read the state anew; resolves when it is shown. One reading after the other: an old answer never comes last. */
function refresh() {
  waiting += 1;
  const done = queue.then(read).finally(() => {
    waiting -= 1;
  });
  queue = done.catch(() => {});
  return done;
}

function goToSection() {
  const section = window.location.hash.slice(1);
  if (!(section in FIRST_FIELDS)) return;
  byId(section).scrollIntoView();
  byId(FIRST_FIELDS[section]).focus({ preventScroll: true });
}

const page = { refresh, notice };
const shows = [showHeader, mountAddress(), mountKey(page), mountModels(page), mountNames(page)];

window.setInterval(() => {
  if (document.visibilityState === "visible" && waiting === 0) refresh();
}, REFRESH_EVERY_MS);
window.addEventListener("focus", () => refresh());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") refresh();
});
refresh();
