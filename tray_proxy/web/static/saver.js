// Saves what changes quickly: short pauses are waited for, one call runs at a time, and the last value wins.

const QUIET_MS = 250;

/** `send(value)` saves; `saved(value)` and `failed(problem)` hear how the last value went. */
export function makeSaver(send, { saved, failed }) {
  let next = null;
  let sending = false;
  let timer = 0;

  async function run() {
    window.clearTimeout(timer);
    if (sending || next === null) return;
    const { value } = next;
    next = null;
    sending = true;
    let problem = null;
    try {
      await send(value);
    } catch (found) {
      problem = found;
    }
    sending = false;
    // A value that came meanwhile replaces this one, and with it how this one went.
    if (next !== null) run();
    else if (problem === null) saved(value);
    else failed(problem);
  }

  return {
    offer(value) {
      next = { value };
      window.clearTimeout(timer);
      timer = window.setTimeout(run, QUIET_MS);
    },
    /** Do not wait any longer, for example because the tab is being closed. */
    flush: run,
    isBusy: () => sending || next !== null,
  };
}
