// What Tray Proxy told: one object for each topic, read anew when news of it come in at /api/events.
//
// Only what somebody looks at is read. One reading follows the other, so an old answer never comes last.

import { get, Problem, SessionEnded, Unreachable, whenLost } from "./call.js";
import { useEffect, useState } from "./vendor/preact-hooks.js";

const TOPICS = ["state", "models", "apps", "activity", "settings", "visitors"];
const LISTEN_AGAIN_AFTER_MS = 2000;

const isSeen = () => document.visibilityState === "visible";

class Topic {
  constructor(name) {
    this.name = name;
    this.value = null; // what was read last
    this.problem = null; // why the last reading failed
    this.lookers = 0;
    this.stale = true;
    this.reading = null;
    this.next = null;
  }
}

class Store {
  #topics = new Map(TOPICS.map((name) => [name, new Topic(name)]));
  #hearers = new Set();
  #events = null;
  #heard = false;
  /** The SessionEnded or Unreachable that keeps the page from Tray Proxy, or null. */
  lost = null;

  constructor() {
    whenLost((problem) => {
      // Once the session has ended nothing brings it back: the page must be opened anew.
      if (!(this.lost instanceof SessionEnded)) this.lost = problem;
      if (problem instanceof SessionEnded) this.#events?.close();
      this.#tell();
    });
  }

  /** Listen for news, from now on. */
  start() {
    this.#listen();
    // A browser keeps six connections to one port, for all of its tabs: a tab that nobody sees gives its own back, or
    // the seventh would wait for ever.
    document.addEventListener("visibilitychange", () => {
      if (isSeen()) this.#listen();
      else this.#events?.close();
    });
  }

  value(name) {
    return this.#topics.get(name).value;
  }

  problem(name) {
    return this.#topics.get(name).problem;
  }

  /** Read a topic now; resolves when it is read, by a reading that began after this call. */
  read(name) {
    const topic = this.#topics.get(name);
    if (topic.reading === null) return this.#read(topic);
    topic.next ??= topic.reading.then(() => {
      topic.next = null;
      return this.#read(topic);
    });
    return topic.next;
  }

  /** Read all that somebody looks at; the rest when somebody does. */
  readAll() {
    return Promise.all(TOPICS.map((name) => this.#news(name)));
  }

  /** Have `hear()` called after each change; returns the function that ends it. */
  subscribe(hear) {
    this.#hearers.add(hear);
    return () => this.#hearers.delete(hear);
  }

  /** Look at a topic: it is kept up to date until the returned function is called. */
  look(name) {
    const topic = this.#topics.get(name);
    topic.lookers += 1;
    if (topic.stale && topic.reading === null) this.read(name);
    return () => {
      topic.lookers -= 1;
    };
  }

  #news(name) {
    const topic = this.#topics.get(name);
    topic.stale = true;
    return topic.lookers > 0 ? this.read(name) : null;
  }

  #read(topic) {
    topic.stale = false;
    topic.reading = get(`/api/${topic.name}`)
      .then((value) => {
        topic.value = value;
        topic.problem = null;
        if (this.lost instanceof Unreachable) this.lost = null;
      })
      .catch((problem) => {
        if (!(problem instanceof Problem)) throw problem;
        topic.problem = problem;
        topic.stale = true;
      })
      .finally(() => {
        topic.reading = null;
        this.#tell();
      });
    return topic.reading;
  }

  #tell() {
    for (const hear of this.#hearers) hear();
  }

  #listen() {
    this.#events?.close();
    if (!isSeen()) return;
    const events = new EventSource("/api/events");
    this.#events = events;
    events.onopen = () => {
      // What happened between the first reading and this moment, or while the line was broken, nobody told.
      this.readAll();
      this.#heard = true;
    };
    events.onmessage = (event) => {
      if (TOPICS.includes(event.data)) this.#news(event.data);
    };
    events.onerror = () => {
      // The browser connects again by itself, unless it was turned away. Why, the next reading tells.
      if (this.#heard) this.read("state");
      this.#heard = false;
      if (events.readyState !== EventSource.CLOSED || this.lost instanceof SessionEnded) return;
      window.setTimeout(() => this.#listen(), LISTEN_AGAIN_AFTER_MS);
    };
  }
}

export const store = new Store();

/** In a component: what a topic holds, null before it was first read; drawn anew whenever it changes. */
export function useTopic(name) {
  const [, draw] = useState(0);
  useEffect(() => {
    const ends = [store.subscribe(() => draw((count) => count + 1)), store.look(name)];
    draw((count) => count + 1);
    return () => ends.forEach((end) => end());
  }, [name]);
  return store.value(name);
}
