// The texts that people read, by key: the same table that the tray has (assets/texts/en).

import { get } from "./call.js";

let table = {};

export async function loadTexts() {
  table = await get("/api/texts");
}

/** A text with its placeholders filled in: t("models.found", { count: 3 }). */
export function t(key, values = {}) {
  const text = table[key];
  if (text === undefined) {
    console.error(`no such text: ${key}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}
