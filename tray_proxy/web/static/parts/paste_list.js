// A list of models from elsewhere: another computer's, a colleague's. It is looked up first, and then allowed.

import { post } from "../call.js";
import { t } from "../texts.js";
import { Button, Field, html, Notice, Result, useAction } from "../ui.js";
import { useLayoutEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { plural, whole } from "../words.js";

const UNKNOWN_NAMED = 8;

/** `allow(ids, alone)`: beside those that are ticked, or `alone`. */
export function PasteList({ hasTicks, allow, close }) {
  const dialog = useRef(null);
  const field = useRef(null);
  const [text, setText] = useState("");
  const [found, setFound] = useState(null);
  const looked = useAction();

  useLayoutEffect(() => {
    // The browser keeps the keyboard inside, and gives it back to where it was.
    dialog.current.showModal();
    field.current.focus();
  }, []);

  const look = (event) => {
    event.preventDefault();
    looked.run(async () => setFound(await post("/api/models/find", { text })), t("models.paste.looking"));
  };
  const take = (alone) => {
    allow(found.found, alone);
    dialog.current.close();
  };
  const write = (event) => {
    setText(event.target.value);
    setFound(null);
    looked.clear();
  };
  const some = found !== null && found.found.length > 0;
  return html`
    <dialog ref=${dialog} aria-labelledby="paste-title" onClose=${close}>
      <form class="stack" onSubmit=${look}>
        <h2 id="paste-title">${t("models.paste.title")}</h2>
        <${Field} label=${t("models.paste.list")} help=${t("models.paste.help")}>
          ${(tied) => html`
            <textarea ...${tied} ref=${field} rows="8" spellcheck=${false} value=${text} onInput=${write} />
          `}
        <//>
        <div role="status">${found !== null && html`<${Found} ...${found} />`}</div>
        <${Result} problem=${looked.problem} waiting=${looked.waiting} />
        <div class="line">
          ${some
            ? html`
                ${hasTicks &&
                html`<${Button} kind="main" onClick=${() => take(false)}>${t("models.paste.add")}<//>`}
                <${Button} kind=${hasTicks ? "" : "main"} onClick=${() => take(true)}>${t("models.paste.only")}<//>
              `
            : html`
                <${Button} type="submit" kind="main" busy=${looked.busy || !text.trim()}>${t("models.paste.look")}<//>
              `}
          <${Button} onClick=${() => dialog.current.close()}>${t("models.paste.cancel")}<//>
        </div>
      </form>
    </dialog>
  `;
}

function Found({ found, unknown }) {
  const more = unknown.length - UNKNOWN_NAMED;
  const kind = found.length === 0 ? "bad" : unknown.length === 0 ? "good" : "warn";
  const title = t(`models.paste.found.${plural(found.length)}`, { count: whole(found.length) });
  return html`
    <${Notice} kind=${kind} title=${title}>
      ${unknown.length > 0 &&
      html`
        <p>${t(`models.paste.unknown.${plural(unknown.length)}`, { count: whole(unknown.length) })}</p>
        <ul class="unknown">
          ${unknown.slice(0, UNKNOWN_NAMED).map((line) => html`<li key=${line}><bdi>${line}</bdi></li>`)}
          ${more > 0 && html`<li>${t("models.paste.more", { count: whole(more) })}</li>`}
        </ul>
      `}
    <//>
  `;
}
