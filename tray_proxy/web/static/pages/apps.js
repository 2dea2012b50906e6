// The page "Apps".

import { t } from "../texts.js";
import { html, Page } from "../ui.js";

export function Apps() {
  return html`<${Page} title=${t("page.nav.apps")} />`;
}
