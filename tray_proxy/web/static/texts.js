// The texts that people read, by key: the same table that the tray has (assets/texts/en).

import { get } from "./call.js";

let table = {};

export async function loadTexts() {
  table = await get("/api/texts");
}

/** Whether there is such a text; for what is not told apart on every page. */
export const knows = (key) => key in table;

/** A text with its placeholders filled in: t("models.context", { context: "1M" }). */
export function t(key, values = {}) {
  const text = table[key];
  if (text === undefined) {
    console.error(`no such text: ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
