// @ts-check
/**
 * Hub time in this browser, from four timestamps per exchange. `hub/client/clock.py` is the same:
 * tests/golden/clock holds both to it.
 */

import { CLOCK_DRIFT_PPM, CLOCK_JUMP_MS, CLOCK_SAMPLES_MAX } from "./constants.js";

/** @typedef {{offset_ms: number, rtt_ms: number, at_ms: number}} Sample */

export class HubClock {
  /**
   * @param {() => number} local monotonic ms of this device
   * @param {() => number} wall wall clock ms: tells a sleep, in which `local` may stand still
   */
  constructor(local = () => performance.now(), wall = () => Date.now()) {
    this.local = local;
    this.wall = wall;
    /** @type {number | null} */
    this.offset_ms = null;
    /** @type {Sample[]} */
    this.samples = [];
    /** @type {Sample | null} */
    this.best = null;
    /** @type {number | null} */
    this.wall_gap_ms = null;
  }

  /** After a reconnect: the far side may count in another line. Keeps the last offset until then. */
  forget() {
    this.samples = [];
    this.best = null;
    this.wall_gap_ms = null;
  }

  /** A first guess, before any exchange. @param {number} hub_ms */
  guess(hub_ms) {
    if (!this.samples.length) this.offset_ms = hub_ms - this.local();
  }

  /** @param {import("./protocol.d.ts").ClockReply} reply */
  learn(reply) {
    const back_ms = this.local();
    const gap_ms = this.wall() - back_ms;
    if (this.wall_gap_ms !== null && Math.abs(gap_ms - this.wall_gap_ms) > CLOCK_JUMP_MS) this.forget();
    this.wall_gap_ms ??= gap_ms;
    const rtt_ms = back_ms - reply.sent_ms - (reply.answered_ms - reply.received_ms);
    const offset_ms = (reply.received_ms - reply.sent_ms + reply.answered_ms - back_ms) / 2;
    const sample = { offset_ms, rtt_ms: Math.max(rtt_ms, 0), at_ms: back_ms };
    if (this.best) {
      // More than both bounds allow: the hub began another line, what was measured is void.
      const apart_ms = Math.abs(offset_ms - this.best.offset_ms);
      if (apart_ms > bound(sample, back_ms) + bound(this.best, back_ms) + 1) this.samples = [];
    }
    this.samples.push(sample);
    if (this.samples.length > CLOCK_SAMPLES_MAX) this.samples.shift();
    // The one whose bound is the tightest now: the shortest round trip, corrected for its age.
    this.best = this.samples.reduce((a, b) => (bound(b, back_ms) < bound(a, back_ms) ? b : a));
    this.offset_ms = this.best.offset_ms;
  }

  /** Hub time, ms. Before the first message, this device's own line. */
  now() {
    return this.local() + (this.offset_ms ?? 0);
  }

  /** Bound of the error, ms; null when nothing was measured. */
  get error_ms() {
    return this.best && bound(this.best, this.local());
  }
}

/** @param {Sample} sample @param {number} local_ms */
function bound(sample, local_ms) {
  return sample.rtt_ms / 2 + ((local_ms - sample.at_ms) * CLOCK_DRIFT_PPM) / 1e6;
}
