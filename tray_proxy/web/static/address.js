// The card "Address": where apps find Tray Proxy.

import { byId, say } from "./dom.js";

export function mountAddress() {
  const field = byId("address-field");
  const result = byId("address-result");

  field.addEventListener("focus", () => field.select());
  byId("address-copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      say(result, "Copied.", "good");
    } catch {
      // Some browsers refuse the clipboard to a page; the person's own hands may use it.
      field.select();
      say(result, "Your browser does not let this page copy. The address is selected: copy it with the keyboard.");
    }
  });

  let lastRunning = null;
  return function show(state) {
    if (field.value !== state.address) field.value = state.address;
    if (state.running !== lastRunning) {
      say(result, state.running ? "" : "Nothing answers there until Tray Proxy is turned on.");
      lastRunning = state.running;
    }
  };
}
