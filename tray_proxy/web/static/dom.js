// What every part of the page needs to draw. Data enters the document as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Make an element; children are elements or texts, and whatever is null is left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Write only what changed: screen readers announce a live region again when the same words are set anew. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Write a sentence that is shown only while there is one. */
export function writeOrHide(element, text) {
  write(element, text ?? "");
  element.hidden = !text;
}

/** Say in a section's live region how something went; `kind` is "", "good" or "bad". */
export function say(element, text, kind = "") {
  write(element, text);
  element.dataset.kind = kind;
}

/** Show what went wrong, and what to do about it. */
export function sayProblem(element, problem) {
  say(element, [problem.message, problem.hint].filter(Boolean).join(" "), "bad");
}
