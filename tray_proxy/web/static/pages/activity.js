// The page "Activity".

import { t } from "../texts.js";
import { html, Page } from "../ui.js";

export function Activity() {
  return html`<${Page} title=${t("page.nav.activity")} />`;
}
