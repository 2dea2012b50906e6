// That there is a newer version: what it changes, the way to it, and "Not now", which lasts until a later one.

import { post } from "../call.js";
import { store } from "../store.js";
import { t } from "../texts.js";
import { attempt, Button, goOnAt, html, Notice, Outside } from "../ui.js";

// More than these would push the page itself out of sight.
const MOST_SHOWN_AT_ONCE = 5;

export function NewVersion({ state }) {
  const { version, changes, page } = state.new_version;
  const putOff = () =>
    attempt(async () => {
      await post("/api/update/put-off", { version });
      await store.read("state");
      goOnAt();
    });
  return html`
    <${Notice} title=${t("update.title", { version })} tools=${html`<${Button} small onClick=${putOff}>${t("update.not-now")}<//>`}>
      <p>${t("update.yours", { version: state.version })}</p>
      ${changes.length > 0 &&
      html`
        <details class="changes" open=${changes.length <= MOST_SHOWN_AT_ONCE}>
          <summary>${t("update.changes")}</summary>
          <ul>
            ${changes.map((sentence) => html`<li>${sentence}</li>`)}
          </ul>
        </details>
      `}
      <p><${Outside} href=${page}>${t("update.download")}<//></p>
    <//>
  `;
}
