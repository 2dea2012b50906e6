// The list of models: searched, filtered, sorted, ticked; by mouse, by touch, and by keyboard alone.

import { t } from "../texts.js";
import { html, say } from "../ui.js";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact-hooks.js";
import { plural, whole } from "../words.js";
import { ORDERS, TRAITS } from "./model_facts.js";
import { ModelRow } from "./model_row.js";

/**
 * What is looked for, and the rows that it leaves, in their order.
 *
 * Ticked ones are on top, as they were ticked when the search was last changed: no row jumps from under the cursor.
 */
export function useSearch(rows, choice) {
  const [wanted, setWanted] = useState({ words: "", traits: [], order: "name", onlyTicked: false });
  const [top, setTop] = useState(null);
  const known = useMemo(
    () => rows.map((row) => ({ row, searched: `${row.name} ${row.id}`.toLowerCase() })),
    [rows],
  );
  const ticked = top ?? choice.ticks;
  useEffect(() => {
    if (rows.length > 0 && top === null) setTop(choice.ticks);
  }, [rows.length > 0, top === null]);

  const ordered = useMemo(() => {
    const sorted = [...known].sort((one, other) => ORDERS[wanted.order](one.row, other.row));
    if (choice.every) return { first: [], rest: sorted };
    return {
      first: sorted.filter(({ row }) => ticked.has(row.id)),
      rest: sorted.filter(({ row }) => !ticked.has(row.id)),
    };
  }, [known, wanted.order, choice.every, ticked]);
  const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ row, searched }) =>
    words.every((word) => searched.includes(word)) &&
    wanted.traits.every((trait) => TRAITS[trait](row)) &&
    (!wanted.onlyTicked || choice.every || ticked.has(row.id));
  const shown = new Set([...ordered.first, ...ordered.rest].filter(fits).map(({ row }) => row.id));

  return {
    ...wanted,
    ...ordered,
    shown,
    want: (change) => {
      setWanted({ ...wanted, ...change });
      setTop(choice.ticks);
    },
    /** Put on top what is ticked by now. */
    settle: () => setTop(null),
  };
}

/** The search box, the filters, and the order. */
export function Search({ search, box, total, goDown }) {
  const { words, traits, order, onlyTicked, want } = search;
  const press = (trait) => {
    const others = traits.filter((each) => each !== trait);
    want({ traits: traits.includes(trait) ? others : [...others, trait] });
  };
  const onKeyDown = (event) => {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      goDown();
    } else if (event.key === "Escape" && words) {
      want({ words: "" });
    }
  };
  return html`
    <div class="search" role="search">
      <label class="unseen" for="models-search">${t("models.search")}</label>
      <input
        type="search"
        id="models-search"
        ref=${box}
        data-first
        value=${words}
        placeholder=${total ? t(`models.search-among.${plural(total)}`, { count: whole(total) }) : t("models.search")}
        aria-describedby="models-keys"
        autocomplete="off"
        autocapitalize="off"
        spellcheck=${false}
        onInput=${(event) => want({ words: event.target.value })}
        onKeyDown=${onKeyDown}
      />
      <label class="order">
        <span>${t("models.order")}</span>
        <select value=${order} onChange=${(event) => want({ order: event.target.value })}>
          ${Object.keys(ORDERS).map(
            (each) => html`<option key=${each} value=${each}>${t(`models.order.${each}`)}</option>`,
          )}
        </select>
      </label>
      <div class="traits" role="group" aria-label=${t("models.traits")}>
        ${Object.keys(TRAITS).map(
          (trait) => html`
            <${Toggle} key=${trait} on=${traits.includes(trait)} onClick=${() => press(trait)}>
              ${t(`models.trait.${trait}`)}
            <//>
          `,
        )}
        <${Toggle} on=${onlyTicked} onClick=${() => want({ onlyTicked: !onlyTicked })}>${t("models.only-ticked")}<//>
      </div>
    </div>
  `;
}

function Toggle({ on, onClick, children }) {
  return html`
    <button type="button" class="toggle" aria-pressed=${on ? "true" : "false"} onClick=${onClick}>${children}</button>
  `;
}

/** The rows. `list` is given `focusFirst()`; `toSearch()` leads back to the box. */
export function ModelList({ search, choice, list, toSearch, children }) {
  const { first, rest, shown } = search;
  const [open, setOpen] = useState(() => new Set());
  const [reached, setReached] = useState(null);
  const scroller = useRef(null);
  const all = [...first, ...rest];
  const stop = shown.has(reached) ? reached : all.find(({ row }) => shown.has(row.id))?.row.id;

  // A row that moves to another place in the document loses the keyboard on the way.
  const focused = document.activeElement;
  useLayoutEffect(() => {
    const isLost = focused !== document.activeElement && scroller.current.contains(focused);
    if (isLost) focused.focus({ preventScroll: true });
  });

  const boxes = () => [...scroller.current.querySelectorAll("li:not([hidden]) input")];
  const moveTo = (box) => {
    if (!box) return;
    box.focus({ preventScroll: true });
    box.closest("li").scrollIntoView({ block: "nearest" });
  };
  list.current = { focusFirst: () => moveTo(boxes()[0]) };

  function toggleMore(id, on = !open.has(id)) {
    const next = new Set(open);
    if (on) next.add(id);
    else next.delete(id);
    setOpen(next);
  }

  function onKeyDown(event) {
    if (event.key === "Escape") {
      toSearch();
      return;
    }
    if (event.target.type !== "checkbox") return;
    const reachable = boxes();
    const at = reachable.indexOf(event.target);
    const keys = {
      ArrowDown: () => moveTo(reachable[at + 1]),
      ArrowUp: () => (at === 0 ? toSearch() : moveTo(reachable[at - 1])),
      Home: () => moveTo(reachable[0]),
      End: () => moveTo(reachable.at(-1)),
      ArrowRight: () => toggleMore(event.target.value, true),
      ArrowLeft: () => toggleMore(event.target.value, false),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  }

  function onClick(event) {
    const more = event.target.closest("[data-more]");
    if (more) toggleMore(more.dataset.more);
    if (event.target.type !== "checkbox") return;
    if (!choice.every) {
      choice.tick(event.target.value, event.target.checked);
      return;
    }
    event.preventDefault();
    say(t("models.locked"));
  }

  const group = (name, found) => {
    const any = found.some(({ row }) => shown.has(row.id));
    return html`
      <section key=${name} aria-labelledby=${`models-${name}`} hidden=${!any}>
        <h2 id=${`models-${name}`} class=${first.length > 0 && !choice.every ? "group" : "unseen"}>
          ${t(choice.every ? "models.group.every" : `models.group.${name}`)}
        </h2>
        <ul>
          ${found.map(
            ({ row }) => html`
              <${ModelRow}
                key=${row.id}
                row=${row}
                checked=${choice.every || choice.ticks.has(row.id)}
                hidden=${!shown.has(row.id)}
                locked=${choice.every}
                open=${open.has(row.id)}
                reached=${row.id === stop}
              />
            `,
          )}
        </ul>
      </section>
    `;
  };
  return html`
    <div
      id="models-list"
      class="models"
      ref=${scroller}
      onKeyDown=${onKeyDown}
      onClick=${onClick}
      onFocusIn=${(event) => event.target.type === "checkbox" && setReached(event.target.value)}
    >
      <div class="columns" aria-hidden="true">
        <span class="column-name">${t("models.column.name")}</span>
        <span>${t("models.column.good-at")}</span>
        <span class="number">${t("models.column.context")}</span>
        <span class="number">${t("models.column.in")}</span>
        <span class="number">${t("models.column.out")}</span>
      </div>
      ${group("ticked", first)} ${group("rest", rest)} ${children}
    </div>
  `;
}

/** "3 of 450 allowed · 12 shown" */
export function countWords(search, choice, total) {
  const allowed = choice.every
    ? t("models.count.every", { total: whole(total) })
    : t("models.count", { ticked: whole(choice.ticks.size), total: whole(total) });
  return search.shown.size === total
    ? allowed
    : t("models.count.shown", { allowed, shown: whole(search.shown.size) });
}
