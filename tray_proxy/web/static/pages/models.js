// The page "Models".

import { t } from "../texts.js";
import { html, Page } from "../ui.js";

export function Models() {
  return html`<${Page} title=${t("page.nav.models")} />`;
}
