// The page "Third-party notices": whose works Tray Proxy is made with. It never changes while the program runs.

import { get } from "../call.js";
import { t } from "../texts.js";
import { attempt, html, Page } from "../ui.js";
import { useEffect, useState } from "../vendor/preact-hooks.js";

export function ThirdParties() {
  const [text, setText] = useState(null);
  useEffect(() => {
    attempt(async () => setText((await get("/api/notices")).text));
  }, []);
  return html`
    <${Page} title=${t("page.notices")} lead=${t("page.notices-lead")}>
      ${text !== null && html`<pre class="card">${text}</pre>`}
    <//>
  `;
}
