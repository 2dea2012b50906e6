// Times, amounts and counts in the page's language.

import { t } from "./texts.js";
import { useEffect, useState } from "./vendor/preact-hooks.js";

const LANGUAGE = document.documentElement.lang;
const DRAWN_AGAIN_AFTER_MS = 20_000;
const PLURALS = new Intl.PluralRules(LANGUAGE);
const AGO = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const CLOCK = new Intl.DateTimeFormat(LANGUAGE, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const MOMENT = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium", timeStyle: "medium" });
const DAY = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
const SHORT_DAY = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short" });
const SHORT = new Intl.NumberFormat(LANGUAGE, { notation: "compact" });
const WHOLE = new Intl.NumberFormat(LANGUAGE);
const SECONDS = new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const DOLLARS = new Intl.NumberFormat(LANGUAGE, { style: "currency", currency: "USD" });
const EXACT_DOLLARS = new Intl.NumberFormat(LANGUAGE, {
  style: "currency",
  currency: "USD",
  trailingZeroDisplay: "stripIfInteger",
  maximumFractionDigits: 8,
});
// A question to a small model costs less than a cent: what counts is its first two digits.
const CENTS = new Intl.NumberFormat(LANGUAGE, { style: "currency", currency: "USD", maximumSignificantDigits: 2 });
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** 90 seconds are "1 minute ago"; less than a minute is "just now". */
export function ago(ageS) {
  const found = UNITS.find(([, lengthS]) => ageS >= lengthS);
  if (found === undefined) return t("page.just-now");
  const [unit, lengthS] = found;
  return AGO.format(-Math.floor(ageS / lengthS), unit);
}

/** The time of a Unix time today, and the day of an older one. */
export function clock(timeS) {
  const time = new Date(timeS * 1000);
  const isToday = time.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(time) : `${SHORT_DAY.format(time)}, ${CLOCK.format(time)}`;
}

export const moment = (timeS) => MOMENT.format(new Date(timeS * 1000));
export const day = (timeS) => DAY.format(new Date(timeS * 1000));
/** 163840 is "164K". */
export const short = (count) => SHORT.format(count);
export const whole = (count) => WHOLE.format(count);
/** A price to the last digit: "3" is "$3", "0.6" is "$0.60". */
export const price = (usd) => EXACT_DOLLARS.format(usd);
/** What something has cost: to the cent, or less than ten of them to two digits. */
export const dollars = (usd) => (usd < 0.1 ? CENTS : DOLLARS).format(usd);
export const duration = (ms) =>
  ms < 1000 ? t("activity.ms", { count: Math.round(ms) }) : t("activity.seconds", { count: SECONDS.format(ms / 1000) });

/** The form of a text that goes with a count: "one" or "other". */
export const plural = (count) => PLURALS.select(count);

/** In a component: the Unix time, drawn anew every now and then while somebody looks. */
export function useNow() {
  const [nowS, setNowS] = useState(() => Date.now() / 1000);
  useEffect(() => {
    const timer = window.setInterval(() => {
      if (document.visibilityState === "visible") setNowS(Date.now() / 1000);
    }, DRAWN_AGAIN_AFTER_MS);
    return () => window.clearInterval(timer);
  }, []);
  return nowS;
}
