// The page "Welcome".

import { t } from "../texts.js";
import { html, Page } from "../ui.js";

export function Welcome() {
  return html`<${Page} title=${t("page.nav.welcome")} />`;
}
