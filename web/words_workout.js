// @ts-check
/** Workouts in a rider's words. Pure. */

import { minutes } from "./format.js";

/** @typedef {import("./shapes.d.ts").StepPreview} StepPreview */

/** @type {Record<string, string>} */
export const FOCUS_WORDS = {
  recovery: "Recovery",
  endurance: "Endurance",
  tempo: "Tempo",
  sweet_spot: "Sweet spot",
  threshold: "Threshold",
  vo2max: "VO2max",
  anaerobic: "Anaerobic",
  test: "Test",
  free: "Free",
};

/** @type {Record<string, string>} */
export const SPORT_WORDS = { bike: "Bike", run: "Run", row: "Row" };

/** @type {Record<string, string>} */
export const KIND_NAMES = {
  warmup: "Warm-up",
  work: "Work",
  recovery: "Easy",
  cooldown: "Cool-down",
  free: "Free",
};

/** What each dimension is written in, and with how many decimals. @type {Record<string, [string, number]>} */
const UNITS = {
  power_w: ["W", 0],
  heart_rate_bpm: ["bpm", 0],
  rpe: ["RPE", 0],
  cadence_rpm: ["rpm", 0],
  grade_pct: ["% grade", 1],
  resistance_pct: ["% resistance", 0],
  speed_kmh: ["km/h", 1],
};

/** "180 W", "100 → 140 W", "by feel". @param {StepPreview} step */
export function targetWords(step) {
  if (step.dimension === "max") return "all out";
  if (step.dimension === "unknown") return "needs a figure of yours";
  if (!step.begin || !step.end) return "by feel";
  const [unit, digits] = UNITS[step.dimension] ?? ["", 0];
  const range = (/** @type {[number, number]} */ [low, high]) =>
    low.toFixed(digits) === high.toFixed(digits)
      ? low.toFixed(digits)
      : `${low.toFixed(digits)}–${high.toFixed(digits)}`;
  const [begin, end] = [range(step.begin), range(step.end)];
  const values = begin === end ? begin : `${begin} → ${end}`;
  return unit === "RPE" ? `RPE ${values}` : `${values} ${unit}`;
}

/** "8:00", "400 m", "lap". @param {import("./shapes.d.ts").WorkoutStep["until"]} until */
export function untilWords(until) {
  switch (until.t) {
    case "time":
      return minutes(until.duration_ms ?? 0);
    case "distance":
      return (until.distance_m ?? 0) < 1000
        ? `${until.distance_m} m`
        : `${(until.distance_m ?? 0) / 1000} km`;
    case "work":
      return `${until.work_kj} kJ`;
    case "heart_rate":
      return "by heart rate";
    default:
      return "until lap";
  }
}

/** What a version of a workout differs in: "name, steps 2 and 4". @param {string[]} changed */
export function changedWords(changed) {
  const steps = changed
    .filter((one) => one.startsWith("steps."))
    .map((one) => Number(one.slice("steps.".length)) + 1);
  const rest = changed.filter((one) => !one.startsWith("steps."));
  if (steps.length) rest.push(steps.length > 1 ? `steps ${steps.join(", ")}` : `step ${steps[0]}`);
  return rest.join(", ");
}
