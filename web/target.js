// @ts-check
/** What a phase asks for, in words: this rider's numbers, or else its author's. Pure. */

import { decimal, minutes, whole } from "./format.js";

/** @typedef {import("./protocol.d.ts").PhaseView} PhaseView */
/** @typedef {import("./protocol.d.ts").TargetView} TargetView */
/** @typedef {import("./protocol.d.ts").AthleteView} AthleteView */
/** @typedef {import("./store.js").Row} Row */
/**
 * @typedef {object} Aim what is asked of a rider
 * @property {string} dimension "power_w", "heart_rate_bpm", "rpe", "cadence_rpm", "speed_kmh" ...
 * @property {number} low
 * @property {number} high the same as `low` for a single value
 */

/** Each dimension: its name, its unit, and how many decimals it is shown with. */
/** @type {Record<string, {name: string, unit: string, digits: number}>} */
export const DIMENSIONS = {
  power_w: { name: "Target", unit: "W", digits: 0 },
  heart_rate_bpm: { name: "Heart rate", unit: "bpm", digits: 0 },
  rpe: { name: "By feel", unit: "of 10", digits: 0 },
  cadence_rpm: { name: "Cadence", unit: "rpm", digits: 0 },
  grade_pct: { name: "Grade", unit: "%", digits: 1 },
  resistance_pct: { name: "Resistance", unit: "%", digits: 0 },
  speed_kmh: { name: "Speed", unit: "km/h", digits: 1 },
};

/** Each of the author's units: what goes before and after the figure, and its scale. */
/** @type {Record<string, {before?: string, after?: string, times?: number, digits?: number}>} */
const UNITS = {
  ftp: { after: " % FTP", times: 100 },
  w: { after: " W" },
  w_per_kg: { after: " W/kg", digits: 1 },
  power_zone: { before: "Z" },
  max_hr: { after: " % max HR", times: 100 },
  lthr: { after: " % LTHR", times: 100 },
  hrr: { after: " % HRR", times: 100 },
  bpm: { after: " bpm" },
  heart_zone: { before: "HR Z" },
  rpe: { before: "RPE " },
  rpm: { after: " rpm" },
  grade_pct: { after: " % grade", digits: 1 },
  resistance_pct: { after: " % resistance" },
  kmh: { after: " km/h", digits: 1 },
  threshold_speed: { after: " % speed", times: 100 },
};

const POWER_UNITS = ["ftp", "w", "w_per_kg", "power_zone"];

/** Whether a trainer can be steered to it. @param {{target: TargetView}} phase */
export function asksForPower({ target }) {
  return POWER_UNITS.includes(target.unit);
}

/** "90–95 % FTP", "Z2", "RPE 5", "free". @param {TargetView} target @param {number} share 0..1 */
export function authorsWords(target, share) {
  const { unit, low = null, high = null } = target;
  const rule = UNITS[unit];
  if (!rule || low === null || high === null) return unit;
  const at = (/** @type {number} */ begin, /** @type {number | null | undefined} */ end) =>
    (begin + ((end ?? begin) - begin) * share) * (rule.times ?? 1);
  const figures = range(at(low, target.end_low), at(high, target.end_high), rule.digits ?? 0);
  return `${rule.before ?? ""}${figures}${rule.after ?? ""}`;
}

/** "250", "238–252". @param {number} low @param {number} high @param {number} [digits] */
export function range(low, high, digits = 0) {
  const text = (/** @type {number} */ value) => (digits ? decimal(value, digits) : whole(value));
  return text(low) === text(high) ? text(low) : `${text(low)}–${text(high)}`;
}

/** "238–252 W", "RPE 5–6". @param {Aim} aim */
export function aimWords({ dimension, low, high }) {
  const { unit, digits } = DIMENSIONS[dimension];
  const figures = range(low, high, digits);
  return dimension === "rpe" ? `RPE ${figures}` : `${figures} ${unit}`;
}

/**
 * What the hub asks of the rider in the phase `index`; null when its row is of another one.
 * @param {Row | undefined} row
 * @param {number} index
 * @returns {Aim | null}
 */
export function aimOfRow(row, index) {
  if (!row) return null;
  if (row.phase === index) return aimFrom(row, "target");
  const before = row.phase === null ? -1 : Number(row.phase);
  return before + 1 === index ? aimFrom(row, "next") : null;
}

/** @param {Row} row @param {"target" | "next"} of @returns {Aim | null} */
function aimFrom(row, of) {
  const dimension = row[`${of}_dimension`];
  if (typeof dimension !== "string") return null;
  return { dimension, low: Number(row[`${of}_low`]), high: Number(row[`${of}_high`]) };
}

/**
 * The same without the hub, where it needs no more than the rider's FTP; null otherwise.
 * @param {AthleteView} rider
 * @param {PhaseView} phase
 * @param {number} share of the ramp, 0..1
 * @returns {Aim | null}
 */
export function aimReckoned(rider, { target, kind }, share) {
  const { unit, low = null, high = null } = target;
  const whole_w = unit === "w" ? 1 : unit === "ftp" ? rider.ftp_w : null;
  if (!whole_w || low === null || high === null) return null;
  const scale = (whole_w * (rider.trims?.[kind] ?? rider.trim_pct)) / 100;
  const at = (/** @type {number} */ begin, /** @type {number | null | undefined} */ end) =>
    (begin + ((end ?? begin) - begin) * share) * scale;
  return { dimension: "power_w", low: at(low, target.end_low), high: at(high, target.end_high) };
}

/** How long a phase is: "5:00", "2 km", "90 kJ", "until Lap". @param {PhaseView} phase */
export function lengthWords({ until = "time", until_amount = null, duration_ms }) {
  if (duration_ms !== null) return minutes(duration_ms);
  const amount = until_amount ?? 0;
  switch (until) {
    case "distance":
      return distanceWords(amount);
    case "work":
      return `${whole(amount)} kJ`;
    case "heart_rate":
      return "until heart rate";
    default:
      return "until Lap";
  }
}

/** What is left of a phase that does not end by time: "640 m to go". @param {PhaseView} phase @param {Row | undefined} row */
export function leftWords({ until = "time" }, row) {
  const left = row?.until_left;
  if (typeof left !== "number") return "";
  switch (until) {
    case "distance":
      return `${distanceWords(left)} to go`;
    case "work":
      return `${whole(left)} kJ to go`;
    case "heart_rate":
      return left ? `${whole(left)} bpm to go` : "heart rate is there";
    default:
      return "";
  }
}

/** @param {number} metres */
function distanceWords(metres) {
  if (metres < 1000) return `${whole(metres)} m`;
  return `${decimal(metres / 1000, metres % 1000 ? 1 : 0)} km`;
}
