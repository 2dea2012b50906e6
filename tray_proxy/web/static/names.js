// The names of the owner's own in the card "Models": what each stands for, and the way to remove and restore it.
// They are made by apps, so they come and go while somebody looks.

import { keepName } from "./call.js";
import { byId, make, say, sayProblem, write, writeOrHide } from "./dom.js";

function meaning(row) {
  return row.adds ? `${row.model} with ${row.adds}` : `alias of ${row.model}`;
}

function trouble(row) {
  if (!row.kept) return "Removed: apps no longer see this name.";
  return row.answers ? "" : "Its model is not allowed now, so apps do not see this name.";
}

/** `page` offers `refresh()` and `notice(problem)`, as in page.js. */
export function mountNames(page) {
  const list = byId("names-list");
  const result = byId("names-result");
  let rows = new Map(); // name → {item, button, update}; in the order of the list
  let made = 0;

  /** Build the item of one name. It stays while its name is in sight, and the keyboard's place on its button too. */
  function makeItem({ name }) {
    made += 1;
    const about = make("bdi", { class: "id", id: `own-${made}-about` });
    const note = make("span", { class: "note" });
    const button = make("button", { type: "button", class: "small", "aria-describedby": about.id });
    const words = make("span", { class: "names" }, make("bdi", { class: "name" }, name), about, note);
    let kept = true;

    button.addEventListener("click", async () => {
      if (button.getAttribute("aria-disabled")) return;
      button.setAttribute("aria-disabled", "true");
      const wanted = !kept;
      try {
        await keepName(name, wanted);
        await page.refresh();
        say(result, wanted ? `${name} is restored.` : `${name} is removed. Restore brings it back.`, "good");
      } catch (problem) {
        page.notice(problem);
        sayProblem(result, problem);
      } finally {
        button.removeAttribute("aria-disabled");
      }
    });

    function update(row) {
      ({ kept } = row);
      write(about, meaning(row));
      writeOrHide(note, trouble(row));
      write(button, kept ? "Remove" : "Restore");
      button.setAttribute("aria-label", `${kept ? "Remove" : "Restore"} ${name}`);
    }
    return { item: make("li", { class: "own" }, words, button), update };
  }

  return function show({ models }) {
    const before = [...rows.keys()];
    rows = new Map(models.names.map((row) => [row.name, rows.get(row.name) ?? makeItem(row)]));
    for (const row of models.names) rows.get(row.name).update(row);
    byId("names").hidden = rows.size === 0;
    const names = [...rows.keys()];
    if (names.length === before.length && names.every((name, index) => name === before[index])) return;
    const focused = document.activeElement;
    list.replaceChildren(...[...rows.values()].map(({ item }) => item));
    if (list.contains(focused)) focused.focus({ preventScroll: true });
  };
}
