// @ts-check
/** The parts of a step in an author's words: what ends it, and what it asks. Pure. */

import { UNIT_BOUNDS } from "./constants.js";
import { minutes } from "./format.js";
import { authorsWords } from "./target.js";
import { KIND_NAMES, untilWords } from "./words_workout.js";

/** @typedef {import("./shapes.d.ts").WorkoutStep} WorkoutStep */
/** @typedef {import("./shapes.d.ts").WorkoutAim} WorkoutAim */

const MINUTE_MS = 60_000;
const STEP_MS_MAX = 24 * 60 * MINUTE_MS; // as hub/core/workout.py has it

/** What ends a step: its words, and what it is to begin with. @type {Record<string, [string, WorkoutStep["until"]]>} */
export const ENDINGS = {
  time: ["a time", { t: "time", duration_ms: 5 * MINUTE_MS }],
  distance: ["a distance", { t: "distance", distance_m: 1000 }],
  work: ["energy", { t: "work", work_kj: 50 }],
  heart_rate: ["a heart rate", { t: "heart_rate", aim: aim("bpm", 120), above: false }],
  lap: ["the lap button", { t: "lap" }],
};

/**
 * @typedef {object} UnitWords
 * @property {string} words
 * @property {string} group
 * @property {number} [times] what a stored figure is shown as
 * @property {number} begin as stored, for a step that changes to it
 */

/** @type {Record<string, UnitWords>} */
export const UNITS = {
  ftp: { words: "% of FTP", group: "Power", times: 100, begin: 0.75 },
  w: { words: "W", group: "Power", begin: 150 },
  w_per_kg: { words: "W/kg", group: "Power", begin: 2.5 },
  power_zone: { words: "power zone", group: "Power", begin: 2 },
  bpm: { words: "bpm", group: "Heart rate", begin: 130 },
  max_hr: { words: "% of maximum", group: "Heart rate", times: 100, begin: 0.7 },
  lthr: { words: "% of threshold", group: "Heart rate", times: 100, begin: 0.8 },
  hrr: { words: "% of reserve", group: "Heart rate", times: 100, begin: 0.6 },
  heart_zone: { words: "heart rate zone", group: "Heart rate", begin: 2 },
  rpe: { words: "RPE, 0 to 10", group: "Other", begin: 4 },
  rpm: { words: "rpm", group: "Other", begin: 90 },
  kmh: { words: "km/h", group: "Other", begin: 30 },
  threshold_speed: { words: "% of threshold speed", group: "Other", times: 100, begin: 0.8 },
  grade_pct: { words: "% grade", group: "Other", begin: 3 },
  resistance_pct: { words: "% resistance", group: "Other", begin: 30 },
};

/** @param {string} unit @param {number} low @returns {WorkoutAim} */
export function aim(unit, low) {
  return { t: "aim", unit, low, high: low };
}

/** A stored figure as it is shown: 0.905 of FTP is 90.5. @param {string} unit @param {number} stored */
export function shown(unit, stored) {
  return Math.round(stored * (UNITS[unit]?.times ?? 1) * 100) / 100;
}

/** @param {string} unit @param {number} typed */
export function stored(unit, typed) {
  return typed / (UNITS[unit]?.times ?? 1);
}

/** Lowest and highest as shown. @param {string} unit @returns {[number, number]} */
export function bounds(unit) {
  const [low, high] = /** @type {Record<string, number[]>} */ (UNIT_BOUNDS)[unit];
  return [shown(unit, low), shown(unit, high)];
}

/** "8:30", "1:00:00" or "8" (minutes) as ms; null for anything else, 0, and over a day. @param {string} text */
export function msOf(text) {
  const parts = text.trim().split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d{1,4}$/.test(part))) return null;
  const [first, ...rest] = parts.map(Number);
  if (rest.some((part) => part > 59)) return null;
  const seconds = parts.length === 1 ? first * 60 : rest.reduce((sum, part) => sum * 60 + part, first);
  const ms = seconds * 1000;
  return ms > 0 && ms <= STEP_MS_MAX ? ms : null;
}

/** @param {WorkoutStep} step */
export function nameOf(step) {
  return step.name || KIND_NAMES[step.kind];
}

/** "8:00 · 90–95 % FTP · 85–95 rpm". @param {WorkoutStep} step */
export function stepWords({ until, target, cadence, at_most_ms }) {
  const cap = at_most_ms ? `at most ${minutes(at_most_ms)}` : "";
  const rpm = cadence ? `${cadence.low_rpm}–${cadence.high_rpm} rpm` : "";
  return [endWords(until), cap, targetWords(target), rpm].filter(Boolean).join(" · ");
}

/** @param {WorkoutStep["until"]} until */
function endWords(until) {
  if (until.t !== "heart_rate" || !until.aim) return untilWords(until);
  return `until ${until.above ? "above" : "below"} ${authorsWords(until.aim, 0)}`;
}

/** @param {WorkoutStep["target"]} target */
function targetWords(target) {
  if (target.t === "max") return "all out";
  if (target.t !== "aim") return "free";
  const [begin, end] = [0, 1].map((share) => authorsWords(/** @type {WorkoutAim} */ (target), share));
  return begin === end ? begin : `${begin} → ${end}`;
}
