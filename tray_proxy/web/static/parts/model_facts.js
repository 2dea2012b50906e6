// What is known of a model, in words.

import { t } from "../texts.js";
import { price, short } from "../words.js";

// Ollama's words for what a model can do that people look for, in the order they do; all else follows by its own name.
const CAPABILITIES = ["tools", "vision", "thinking", "insert", "audio", "embedding", "image"];
const GOES_WITHOUT_SAYING = "completion";

/** What it is good at: ["tools", "pictures"]. */
export function goodAt({ capabilities }) {
  const known = CAPABILITIES.filter((each) => capabilities.includes(each)).map((each) => t(`models.can.${each}`));
  return [...known, ...capabilities.filter((each) => each !== GOES_WITHOUT_SAYING && !CAPABILITIES.includes(each))];
}

export const contextWords = ({ context_length: tokens }) => (tokens ? short(tokens) : "");

/** The two prices per million tokens as they stand in their columns, or the one word for both. */
export function prices(row) {
  const { prompt_usd_per_million: input, completion_usd_per_million: output } = row;
  if (row.free) return { both: t("models.free") };
  if (!row.listed) return { both: "" };
  if (input === null && output === null) return { both: t("models.varies") };
  return { input: input === null ? "" : price(input), output: output === null ? "" : price(output) };
}

/** All of it for the ear: "Claude Sonnet 4.5, anthropic/…, tools, pictures, 1M context, $3 in, $15 out". */
export function spoken(row) {
  const { both, input, output } = prices(row);
  const context = contextWords(row);
  return [
    row.name,
    row.id,
    ...(row.listed ? goodAt(row) : [t("models.gone")]),
    context && t("models.context", { context }),
    both,
    input && t("models.price-in", { price: input }),
    output && t("models.price-out", { price: output }),
  ]
    .filter(Boolean)
    .join(", ");
}

// Filters by what a model is or can do; all that are pressed must hold.
export const TRAITS = {
  tools: ({ capabilities }) => capabilities.includes("tools"),
  vision: ({ capabilities }) => capabilities.includes("vision"),
  thinking: ({ capabilities }) => capabilities.includes("thinking"),
  free: ({ free }) => free,
  embedding: ({ capabilities }) => capabilities.includes("embedding"),
};

const byText = new Intl.Collator(document.documentElement.lang, { numeric: true });
const byName = (one, other) => byText.compare(one.name, other.name) || byText.compare(one.id, other.id);

/** What a question and an answer of a million tokens each would cost; what is not known comes last. */
function costs(row) {
  if (prices(row).both !== undefined && !row.free) return Infinity;
  return Number(row.prompt_usd_per_million ?? 0) + Number(row.completion_usd_per_million ?? 0);
}

const compare = (one, other) => (one === other ? 0 : one - other);

export const ORDERS = {
  name: byName,
  price: (one, other) => compare(costs(one), costs(other)) || byName(one, other),
  context: (one, other) => other.context_length - one.context_length || byName(one, other),
  new: (one, other) => other.created_s - one.created_s || byName(one, other),
};
