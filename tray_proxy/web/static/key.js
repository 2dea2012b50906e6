// The card "OpenRouter key": paste, test and forget it. What was pasted leaves the field as soon as it is stored.

import { forgetKey, storeKey, testKey } from "./call.js";
import { byId, say, sayProblem, write, writeOrHide } from "./dom.js";

const PLACES = {
  keyring: "Kept in your system's key store.",
  environment:
    "Taken from the environment variable OPENROUTER_API_KEY. It cannot be forgotten here: " +
    "remove the variable and start Tray Proxy again.",
  session: "Kept for this session only: your system has no key store. It is gone when you quit Tray Proxy.",
  demo: "The demo needs no key: nothing is sent to OpenRouter.",
};
const FORGETTABLE = ["keyring", "session"];

/** `page` offers `refresh()` and `notice(problem)`: read the state anew; hear of a problem that concerns it all. */
export function mountKey(page) {
  const form = byId("key-form");
  const field = byId("key-field");
  const kept = byId("key-kept");
  const actions = byId("key-actions");
  const question = byId("key-question");
  const result = byId("key-result");
  const buttons = ["key-save", "key-test-new", "key-test", "key-forget", "key-forget-yes"].map(byId);
  let busy = false;

  /** Do one thing at a time. Buttons are marked, not disabled: a disabled one would lose the keyboard's place. */
  async function run(waiting, action) {
    if (busy) return;
    busy = true;
    for (const button of buttons) button.setAttribute("aria-disabled", "true");
    say(result, waiting);
    try {
      await action();
    } catch (problem) {
      sayProblem(result, problem);
      page.notice(problem);
    } finally {
      busy = false;
      for (const button of buttons) button.removeAttribute("aria-disabled");
    }
  }

  function pasted() {
    const key = field.value.trim();
    if (key) return key;
    say(result, "Paste your key into the field first.", "bad");
    field.focus();
    return null;
  }

  function ask(open) {
    question.hidden = !open;
    actions.hidden = open;
    (open ? byId("key-forget-no") : byId("key-forget")).focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const key = pasted();
    if (key === null) return;
    run("Asking OpenRouter about this key…", async () => {
      const { message } = await storeKey(key);
      field.value = "";
      await page.refresh();
      say(result, message, "good");
      byId("key-test").focus();
    });
  });

  byId("key-test-new").addEventListener("click", () => {
    const key = pasted();
    if (key === null) return;
    run("Asking OpenRouter about this key…", async () => say(result, (await testKey(key)).message, "good"));
  });

  byId("key-test").addEventListener("click", () =>
    run("Asking OpenRouter about this key…", async () => say(result, (await testKey(null)).message, "good")),
  );

  byId("key-forget").addEventListener("click", () => {
    if (busy) return;
    say(result, "");
    ask(true);
  });
  byId("key-forget-no").addEventListener("click", () => ask(false));
  question.addEventListener("keydown", (event) => {
    if (event.key === "Escape") ask(false);
  });
  byId("key-forget-yes").addEventListener("click", () =>
    run("Forgetting the key…", async () => {
      await forgetKey();
      await page.refresh();
      say(result, "The key is forgotten.", "good");
      field.focus();
    }),
  );

  return function show({ key }) {
    const wasKept = !kept.hidden;
    form.hidden = key.present || key.source === "demo";
    kept.hidden = !form.hidden;
    if (wasKept !== !kept.hidden) {
      question.hidden = true;
      actions.hidden = false;
    }
    write(byId("key-place"), PLACES[key.source] ?? "Tray Proxy has a key.");
    byId("key-forget").hidden = !FORGETTABLE.includes(key.source);
    byId("key-test").hidden = key.source === "demo";
    writeOrHide(byId("key-problem"), key.problem);
  };
}
