// The page's shell: texts, news, the frame around every page, and which page is shown.
//
// A page is one component in `pages/`. It is given
//   state    what GET /api/state told last; never null
//   place    the part of the page to begin at, "" for its top: #key leads to Settings, place "key"
// and takes the rest from modules:
//   useTopic("models")          store.js: what GET /api/models told last, null before; kept up to date while shown
//   store.read("models")        store.js: read it anew, resolves when that is drawn
//   get, post, remove           call.js: the calls; they throw a `Problem` (message, hint, fields)
//   t("models.title", {…})      texts.js: a text of assets/texts/en
//   html, Page, Card, …         ui.js: what pages are made of
// Its outermost element is `Page`, whose heading the keyboard comes to; a control marked `data-first` comes before it.

import { post, Problem, SessionEnded, Unreachable } from "./call.js";
import { Activity } from "./pages/activity.js";
import { Apps } from "./pages/apps.js";
import { Models } from "./pages/models.js";
import { ThirdParties } from "./pages/third_parties.js";
import { Settings } from "./pages/settings.js";
import { Welcome } from "./pages/welcome.js";
import { NewVersion } from "./parts/new_version.js";
import { isInTrouble } from "./parts/port.js";
import { Waiting } from "./parts/visitors.js";
import { store, useTopic } from "./store.js";
import { loadTexts, t } from "./texts.js";
import { attempt, Button, goOnAt, html, Lamp, Notice, Toasts } from "./ui.js";
import { useEffect, useRef, useState } from "./vendor/preact-hooks.js";
import { render } from "./vendor/preact.js";

const PAGES = { welcome: Welcome, models: Models, apps: Apps, activity: Activity, settings: Settings };
// Led to by the foot of the page alone.
const ASIDE = { notices: ThirdParties };
// Parts of pages that the tray leads to, and the page each is on.
const PLACES = { key: "settings", port: "settings", check: "settings", visitors: "settings", address: "apps" };
const LAMPS = { on: "on", off: "off", starting: "waiting", stopping: "waiting", attention: "attention" };
const ASK_AGAIN_AFTER_MS = 5000;
// Drawn for this page: no font or picture comes from elsewhere.
const SIGNS = {
  welcome: "M12 3 3 10.5V21h6v-6h6v6h6V10.5Z",
  models: "M12 3 3 7.5l9 4.5 9-4.5ZM3 12l9 4.5 9-4.5M3 16.5 12 21l9-4.5",
  apps: "M4 4h6.5v6.5H4ZM13.5 4H20v6.5h-6.5ZM4 13.5h6.5V20H4ZM13.5 13.5H20V20h-6.5Z",
  activity: "M3 12h4l3-8 4 16 3-8h4",
  settings: "M4 7h9M18 7h2M4 17h2M11 17h9M13 4.5v5h5v-5ZM6 14.5v5h5v-5Z",
};

function route() {
  const asked = window.location.hash.slice(1);
  if (asked in PLACES) return { page: PLACES[asked], place: asked };
  return { page: asked in PAGES || asked in ASIDE ? asked : "", place: "" };
}

/** Where to begin when the address does not say: what is not finished comes first. */
function beginning(state) {
  return state.key.present && state.models.allowed > 0 && state.answered ? "activity" : "welcome";
}

function useRoute() {
  const [at, setAt] = useState(route);
  useEffect(() => {
    const go = () => setAt(route());
    window.addEventListener("hashchange", go);
    return () => window.removeEventListener("hashchange", go);
  }, []);
  return at;
}

function Power({ state }) {
  const [asked, setAsked] = useState(false);
  const isStopping = state.phase === "stopping";
  const busy = asked || isStopping;
  // What came of it is told as news, also where it stayed as it was. Should there be none, it can be asked for again.
  useEffect(() => setAsked(false), [state]);
  useEffect(() => {
    if (!asked) return undefined;
    const timer = window.setTimeout(() => setAsked(false), ASK_AGAIN_AFTER_MS);
    return () => window.clearTimeout(timer);
  }, [asked]);
  // Who waits for the port, or for a server that is started again, wants it on, and may have changed their mind.
  const on = state.running || isStopping || state.phase === "starting" || (state.port?.waiting ?? false);
  const turn = async () => {
    setAsked(true);
    const done = await attempt(async () => {
      await post("/api/proxy", { on: !on });
      return true;
    });
    if (!done) setAsked(false);
  };
  return html`
    <${Button} kind=${on ? "" : "main"} busy=${busy} onClick=${turn}>
      ${t(on ? "page.turn-off" : "page.turn-on")}
    <//>
  `;
}

function Header({ state, lost, page }) {
  const lamp = lost ? "off" : (LAMPS[state.phase] ?? "off");
  return html`
    <header class="top">
      <div class="top-line">
        <img src="/static/icon.svg" alt="" width="40" height="40" />
        <div class="top-words">
          <p class="product">${t("page.product")} ${state.demo && html`<span class="tag">${t("page.demo-tag")}</span>`}</p>
          <p id="status" role="status"><${Lamp} shape=${lamp}>${lost ? t("page.not-connected") : state.status}<//></p>
        </div>
        ${!lost && html`<${Power} state=${state} />`}
      </div>
      <nav aria-label=${t("page.nav")}>
        ${Object.keys(PAGES).map(
          (name) => html`
            <a key=${name} href=${`#${name}`} aria-current=${name === page ? "page" : undefined}>
              <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${SIGNS[name]} /></svg>
              <span>${t(`page.nav.${name}`)}</span>
            </a>
          `,
        )}
      </nav>
    </header>
  `;
}

function Notices({ state, lost, page }) {
  // What can be done about the port stands on these pages in full.
  const isPort = isInTrouble(state) && state.problem?.message === state.port.sentence;
  const saidBelow = isPort && (page === "welcome" || page === "settings");
  const dismiss = (id) =>
    attempt(async () => {
      await post("/api/notices/dismiss", { id });
      await store.read("state");
      goOnAt();
    });
  return html`
    <div id="notices">
      ${lost && html`<${Notice} kind="bad" alert title=${lost.message}><p>${lost.hint}</p><//>`}
      ${!lost &&
      state.problem &&
      !saidBelow &&
      html`
        <${Notice} kind="warn" alert title=${state.problem.message}>
          <p>${isPort ? html`<a href="#port">${t("page.ways-out")}</a>` : state.problem.hint}</p>
        <//>
      `}
      ${state.notices.map(
        ({ id, text }) => html`
          <${Notice} key=${id} tools=${html`<${Button} small onClick=${() => dismiss(id)}>${t("page.dismiss")}<//>`}>
            <p>${text}</p>
          <//>
        `,
      )}
      ${!lost && state.visitors > 0 && page !== "settings" && html`<${Waiting} count=${state.visitors} />`}
      ${!lost && state.new_version && html`<${NewVersion} state=${state} />`}
    </div>
  `;
}

function App() {
  const state = useTopic("state");
  const { page, place } = useRoute();
  const main = useRef(null);
  const before = useRef(null);

  useEffect(() => {
    if (state !== null && page === "") window.location.replace(`#${beginning(state)}`);
  }, [state === null, page]);

  useEffect(() => {
    if (state === null || page === "") return;
    // On the way in by the tray's plain "Settings…" the keyboard stays at the top of the window.
    const isFirst = before.current === null;
    before.current = page;
    const aim =
      (place && main.current.querySelector(`#${place}-title`)) ||
      main.current.querySelector("[data-first]") ||
      (isFirst ? null : main.current.querySelector("#title"));
    aim?.focus({ preventScroll: true });
    if (place) aim?.scrollIntoView();
    else if (!isFirst) window.scrollTo(0, 0);
  }, [state === null, page, place]);

  if (store.lost instanceof SessionEnded) return html`<${Ended} />`;
  if (state === null) return null;
  const lost = store.lost instanceof Unreachable ? store.lost : null;
  const Shown = PAGES[page] ?? ASIDE[page];
  return html`
    <a class="skip" href="#title" onClick=${skip}>${t("page.skip")}</a>
    <${Header} state=${state} lost=${lost} page=${page} />
    <main id="page" ref=${main}>
      <${Notices} state=${state} lost=${lost} page=${page} />
      ${Shown && html`<${Shown} key=${page} state=${state} place=${place} />`}
    </main>
    <footer>
      <p>${t("page.product")} ${state.version}</p>
      <p><a href="#notices" aria-current=${page === "notices" ? "page" : undefined}>${t("page.notices")}</a></p>
      ${state.demo && html`<p>${t("page.demo")}</p>`}
    </footer>
    <${Toasts} />
  `;
}

function skip(event) {
  // Not by its address: that part of it says which page is shown.
  event.preventDefault();
  document.getElementById("title")?.focus();
}

function sayEnded() {
  document.body.append(document.getElementById("ended").content.cloneNode(true));
}

function Ended() {
  useEffect(sayEnded, []);
  return null;
}

try {
  await loadTexts();
  store.start();
  render(html`<${App} />`, document.getElementById("app"));
} catch (problem) {
  if (!(problem instanceof Problem)) throw problem;
  sayEnded();
}
