// @ts-check
/** Who of a class needs its coach, by the numbers that they share. Pure but for what it remembers. */

import { whole } from "./format.js";
import { reading } from "./reading.js";

/** @typedef {import("./protocol.d.ts").AthleteView} AthleteView */
/** @typedef {import("./protocol.d.ts").SessionView} SessionView */
/** @typedef {import("./store.js").Row} Row */
/** @typedef {"heart" | "below" | "silent"} Need over the own maximum, under the target, nothing heard */
/**
 * @typedef {object} Alert
 * @property {string} athlete
 * @property {string} name
 * @property {Need} need
 * @property {string} words
 * @property {number} since_ms hub time
 */

const BELOW_MS = 30_000; // a start takes some seconds
const UNSEEN_MS = 5_000; // what was between two looks further apart is not known
// As the hub judges what is on target: hub/core/live_metrics.py, TOLERANCES.
const TOLERANCE = { share: 0.05, least_w: 5 };

/** Looks at a class again and again, and tells since when somebody needs its coach. */
export class Attention {
  constructor() {
    /** @type {Map<string, number>} hub ms, by athlete and need */
    this.since = new Map();
    this.looked_at_ms = 0;
  }

  /**
   * One for each rider who needs the coach, the gravest need first.
   * @param {SessionView} view
   * @param {Map<string, Row>} rows by athlete
   * @param {number} now hub ms
   * @returns {Alert[]}
   */
  look(view, rows, now) {
    const before = now - this.looked_at_ms > UNSEEN_MS ? new Map() : this.since;
    this.looked_at_ms = now;
    this.since = new Map();
    return view.athletes.flatMap((rider) => {
      const row = rows.get(rider.athlete);
      if (!row || !isRiding(view, rider)) return [];
      const alerts = needs(rider, row, now).map(({ need, words, since_ms, after_ms }) => {
        const key = `${need} ${rider.athlete}`;
        const began_ms = since_ms ?? before.get(key) ?? now;
        this.since.set(key, began_ms);
        return { athlete: rider.athlete, name: rider.name, need, words, since_ms: began_ms, after_ms };
      });
      return alerts.filter((one) => now - one.since_ms >= one.after_ms).slice(0, 1);
    });
  }
}

/** @param {SessionView} view @param {AthleteView} rider */
function isRiding({ lanes }, { athlete }) {
  const lane = lanes.find((one) => one.lane === athlete) ?? lanes[0];
  return lane?.status === "running";
}

/**
 * Without a grant a number has no reading, and gives no alert.
 * @param {AthleteView} rider
 * @param {Row} row
 * @param {number} now
 * @returns {{need: Need, words: string, since_ms?: number, after_ms: number}[]}
 */
function needs(rider, row, now) {
  const heart = reading(row, "heart_rate_bpm", now);
  const power = reading(row, "power_w", now, "power_3s_w");
  const found = [];
  if (heart.quality === "live" && rider.max_hr_bpm && Number(heart.value) > rider.max_hr_bpm) {
    const words = `HR ${whole(heart.value)}, over max ${rider.max_hr_bpm}`;
    found.push({ need: /** @type {const} */ ("heart"), words, after_ms: 0 });
  }
  const middle_w = asked(row);
  if (middle_w && power.quality === "live" && isBelow(Number(power.value), row, middle_w)) {
    const words = `At ${whole((Number(power.value) / middle_w) * 100)} % of the target`;
    found.push({ need: /** @type {const} */ ("below"), words, after_ms: BELOW_MS });
  }
  for (const [metric, one, name] of /** @type {const} */ ([
    ["power_w", power, "power"],
    ["heart_rate_bpm", heart, "heart rate"],
  ])) {
    if (one.quality !== "gone") continue;
    const since_ms = Number(row[`${metric}.at_ms`]);
    found.push({ need: /** @type {const} */ ("silent"), words: `No ${name}`, since_ms, after_ms: 0 });
  }
  return found;
}

/** The middle of the power that is asked for; null: none is. @param {Row} row */
function asked({ target_dimension, target_low, target_high }) {
  if (target_dimension !== "power_w") return null;
  return (Number(target_low) + Number(target_high)) / 2;
}

/** @param {number} power_w @param {Row} row @param {number} middle_w */
function isBelow(power_w, { target_low }, middle_w) {
  const tolerance_w = Math.max(TOLERANCE.share * middle_w, TOLERANCE.least_w);
  return power_w < Math.min(Number(target_low), middle_w - tolerance_w);
}
