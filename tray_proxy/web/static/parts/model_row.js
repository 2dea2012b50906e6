// One model of the list. With 450 of them, only those are drawn anew in which something has changed.

import { t } from "../texts.js";
import { html, Outside } from "../ui.js";
import { Component } from "../vendor/preact.js";
import { day } from "../words.js";
import { contextWords, goodAt, prices, spoken } from "./model_facts.js";

const LOOKED_AT = ["row", "checked", "hidden", "locked", "open", "reached"];

/**
 * `locked` keeps it from being ticked, `open` shows more about it, `reached` is the one row that Tab stops at.
 *
 * It hears nothing itself: the list does, by `value` and `data-more`.
 */
export class ModelRow extends Component {
  shouldComponentUpdate(next) {
    return LOOKED_AT.some((name) => next[name] !== this.props[name]);
  }

  render({ row, checked, hidden, locked, open, reached }) {
    const { both, input, output } = prices(row);
    return html`
      <li hidden=${hidden}>
        <label class="model">
          <input
            type="checkbox"
            value=${row.id}
            checked=${checked}
            aria-label=${spoken(row)}
            aria-disabled=${locked ? "true" : undefined}
            tabindex=${reached ? 0 : -1}
          />
          <span class="names"><bdi class="name">${row.name}</bdi><bdi class="id">${row.id}</bdi></span>
          <span class="good-at">${row.listed ? goodAt(row).join(" · ") : t("models.gone")}</span>
          <span class="context">${contextWords(row)}<span class="caption"> ${t("models.caption.context")}</span></span>
          ${both === undefined
            ? html`
                <span class="price">${input}<span class="caption"> ${t("models.caption.in")}</span></span>
                <span class="price">${output}<span class="caption"> ${t("models.caption.out")}</span></span>
              `
            : html`<span class="price both">${row.free ? html`<span class="free">${both}</span>` : both}</span>`}
        </label>
        <button
          type="button"
          class="more"
          data-more=${row.id}
          tabindex="-1"
          aria-expanded=${open ? "true" : "false"}
          aria-label=${t("models.more", { name: row.name })}
        ></button>
        ${open && html`<${About} row=${row} />`}
      </li>
    `;
  }
}

function About({ row }) {
  return html`
    <div class="about">
      ${row.description && html`<p dir="auto">${row.description}</p>`}
      <p class="quiet">
        ${row.created_s > 0 && html`<span>${t("models.since", { day: day(row.created_s) })}</span>`}
        ${row.listed && html`<${Outside} href=${`https://openrouter.ai/${row.id}`}>${t("models.at-openrouter")}<//>`}
      </p>
    </div>
  `;
}
