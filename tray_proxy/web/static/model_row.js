// One model of the list: its checkbox, and its facts in words.

import { make } from "./dom.js";

// Ollama's words for what a model can do, in the words people use and the order they look for them.
const CAPABILITY_WORDS = new Map([
  ["tools", "tools"],
  ["vision", "pictures"],
  ["thinking", "thinking"],
  ["insert", "code fill-in"],
  ["audio", "sound"],
  ["embedding", "embeddings"],
  ["image", "makes pictures"],
]);
const GOES_WITHOUT_SAYING = "completion";

function goodAt(capabilities) {
  const known = [...CAPABILITY_WORDS].filter(([capability]) => capabilities.includes(capability));
  const unknown = capabilities.filter((word) => !CAPABILITY_WORDS.has(word) && word !== GOES_WITHOUT_SAYING);
  return [...known.map(([, words]) => words), ...unknown].join(" · ");
}

function contextWords(tokens) {
  if (!tokens) return "";
  if (tokens < 1000) return `${tokens} context`;
  if (tokens < 999_500) return `${Math.round(tokens / 1000)}k context`;
  return `${Math.round(tokens / 100_000) / 10}M context`;
}

function price(row) {
  if (row.free) return make("span", { class: "free" }, "Free");
  const { prompt_usd_per_million: input, completion_usd_per_million: output } = row;
  if (input === null && output === null) return row.listed ? "price unknown" : null;
  const known = [input === null ? "" : `$${input} in`, output === null ? "" : `$${output} out`];
  return known.filter(Boolean).join(" · ");
}

/** Build the list item of one model. `number` makes the ids that tie a checkbox to its words. */
export function makeRow(row, number) {
  const box = make("input", {
    type: "checkbox",
    value: row.id,
    "aria-labelledby": `model-${number}-name`,
    "aria-describedby": `model-${number}-id model-${number}-facts`,
  });
  const shownPrice = price(row);
  const item = make(
    "li",
    {},
    make(
      "label",
      { class: "model" },
      box,
      make(
        "span",
        { class: "names" },
        make("bdi", { class: "name", id: `model-${number}-name` }, row.name),
        make("bdi", { class: "id", id: `model-${number}-id` }, row.id),
      ),
      make(
        "span",
        { class: "facts", id: `model-${number}-facts` },
        make("span", { class: "good-at" }, row.listed ? goodAt(row.capabilities) : "not in OpenRouter's list now"),
        make("span", { class: "context" }, contextWords(row.context_length)),
        make("span", { class: "price" }, shownPrice),
      ),
    ),
  );
  return { item, box, searched: `${row.name} ${row.id}`.toLowerCase() };
}
