// Where a page would have nothing to show: why it could not be read.

import { store } from "../store.js";
import { t } from "../texts.js";
import { Button, html, Notice } from "../ui.js";

/** For the page of a topic; nothing once that was read, and where the frame says why already. */
export function Unread({ topic }) {
  const problem = store.problem(topic);
  if (store.value(topic) !== null || problem === null || problem === store.lost) return null;
  const again = html`<${Button} small onClick=${() => store.read(topic)}>${t("page.try-again")}<//>`;
  return html`
    <div class="unread">
      <${Notice} kind="bad" alert title=${problem.message} tools=${again}><p>${problem.hint}</p><//>
    </div>
  `;
}
