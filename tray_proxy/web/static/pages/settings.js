// The page "Settings".

import { t } from "../texts.js";
import { html, Page } from "../ui.js";

export function Settings() {
  return html`<${Page} title=${t("page.nav.settings")} />`;
}
