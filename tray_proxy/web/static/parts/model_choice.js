// Which models apps may use, as the page shows it: a change is seen at once, and saved a moment later.

import { post } from "../call.js";
import { makeSaver } from "../saver.js";
import { store } from "../store.js";
import { t } from "../texts.js";
import { say } from "../ui.js";
import { useEffect, useMemo, useState } from "../vendor/preact-hooks.js";

// Browsers let 64 KiB arrive after the tab was closed.
const ARRIVE_ANYWAY_AT_MOST = 800;

// One for all visits of the page: leaving it and coming back must not mix up the order of two calls.
let heard = null;
let lastTicks = null; // what was ticked before "Every model" was chosen
const saver = makeSaver(
  ({ allowed }) => post("/api/models", { allowed }, { keepalive: (allowed ?? []).length < ARRIVE_ANYWAY_AT_MOST }),
  { saved: (choice) => settle(choice, null), failed: (problem) => settle(null, problem) },
);
window.addEventListener("pagehide", saver.flush);

async function settle(choice, problem) {
  if (problem !== null && heard === null) say(wordsOf(problem), "bad");
  // What was read before this was saved would take it back for a moment.
  await store.read("models");
  heard?.(choice, problem);
}

const wordsOf = (problem) => [problem.message, problem.hint].filter(Boolean).join(" ");

/**
 * `rows` are the models in the order in which they are saved.
 *
 * Gives back what holds (`every`, `ticks`), what changes it, how saving went, and `undo` while there is something to
 * take back.
 */
export function useChoice(models, rows) {
  const told = useMemo(() => {
    const allowed = rows.filter((row) => row.allowed).map(({ id }) => id);
    return { every: models?.all_allowed ?? false, ticks: new Set(allowed) };
  }, [models, rows]);
  const [draft, setDraft] = useState(null); // what the page shows until it is saved
  const [before, setBefore] = useState(null); // for undo
  const [how, setHow] = useState({ waiting: "", problem: null, message: "" });
  const choice = draft ?? told;

  useEffect(() => {
    heard = (saved, problem) => {
      // A change that came while the answer was read is shown, and saved next.
      if (saver.isBusy()) return;
      setDraft(null);
      if (problem !== null) setBefore(null);
      setHow({ waiting: "", problem, message: problem === null ? effectWords(saved) : "" });
    };
    return () => {
      heard = null;
      saver.flush();
    };
  }, []);

  function change(next, { undoable = true } = {}) {
    setBefore(undoable ? choice : null);
    setDraft(next);
    setHow({ waiting: t("models.saving"), problem: null, message: "" });
    const ids = rows.map(({ id }) => id).filter((id) => next.ticks.has(id));
    saver.offer({ allowed: next.every ? null : ids, total: rows.length });
  }

  return {
    ...choice,
    how,
    tick(id, on) {
      const ticks = new Set(choice.ticks);
      if (on) ticks.add(id);
      else ticks.delete(id);
      change({ every: false, ticks }, { undoable: false });
    },
    tickAll: (ids) => change({ every: false, ticks: new Set(ids) }),
    allowEvery() {
      lastTicks = choice.ticks;
      change({ every: true, ticks: new Set(rows.map(({ id }) => id)) });
    },
    // Nothing changes for the apps until a tick is removed, unless there are ticks to go back to.
    allowTicked: () => change({ every: false, ticks: lastTicks ?? choice.ticks }),
    undo: before && (() => change(before, { undoable: false })),
  };
}

function effectWords({ allowed, total }) {
  if (allowed === null) return t("models.saved.every");
  if (allowed.length === 0) return t("models.saved.none");
  return t(allowed.length === total ? "models.saved.still-all" : "models.saved");
}
