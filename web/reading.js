// @ts-check
/** How far a number may be trusted now: crisp, faded with its age, or gone with a reason. Pure. */

import { ROW_LATE_MS, STALENESS } from "./constants.js";
import { minutes } from "./format.js";

/** @typedef {import("./protocol.d.ts").Quality} Quality */
/** @typedef {keyof typeof STALENESS} Metric */
/** @typedef {{value: number | null, quality: Quality, note: string}} Reading */

/**
 * The hub's word, or what the value's age says when the hub is silent, whichever is worse.
 * @param {import("./store.js").Row | undefined} row
 * @param {Metric} metric
 * @param {number} now hub ms
 * @param {string} [column] where the number to show is, when it is not the metric's own
 * @returns {Reading}
 */
export function reading(row, metric, now, column = metric) {
  const told = /** @type {Quality} */ (row?.[`${metric}.q`] ?? "none");
  const at_ms = Number(row?.[`${metric}.at_ms`] ?? 0);
  const value = row?.[column] ?? row?.[metric] ?? null;
  if (told === "none") return { value: null, quality: "none", note: "" };
  if (told === "denied") return { value: null, quality: "denied", note: "not shared" };
  const age_ms = Math.max(now - at_ms, 0);
  const { fresh_ms, keep_ms } = STALENESS[metric];
  if (told === "gone" || age_ms > keep_ms || value === null) {
    return { value: null, quality: "gone", note: `no signal ${minutes(age_ms)}` };
  }
  if (told === "suspect")
    return { value: Number(value), quality: "suspect", note: "not plausible" };
  // The row is up to a tick old when it arrives, so the hub's LIVE holds a little past the limit.
  if (told === "aged" || age_ms > fresh_ms + ROW_LATE_MS) {
    return { value: Number(value), quality: "aged", note: `${Math.round(age_ms / 1000)} s ago` };
  }
  return { value: Number(value), quality: "live", note: "" };
}
