// @ts-check
/** Hub time in this browser, from four timestamps per exchange. */

const SAMPLES_MAX = 16;
const DRIFT_PPM = 100; // two cheap crystals; what a minimum measured a while ago may be off by now
const JUMP_MS = 500;

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
    this.wall_gap_ms = 0;
    this.forget();
  }

  /** After a reconnect: the far side may count in another line. Keeps the last answer until then. */
  forget() {
    this.samples = [];
    this.wall_gap_ms = this.wall() - this.local();
  }

  /** A first guess, before any exchange. @param {number} hub_ms */
  guess(hub_ms) {
    if (!this.samples.length) this.offset_ms = hub_ms - this.local();
  }

  /** @param {import("./protocol.d.ts").ClockReply} reply */
  learn(reply) {
    const back_ms = this.local();
    if (Math.abs(this.wall() - back_ms - this.wall_gap_ms) > JUMP_MS) this.forget();
    const rtt_ms = back_ms - reply.sent_ms - (reply.answered_ms - reply.received_ms);
    const offset_ms = (reply.received_ms - reply.sent_ms + reply.answered_ms - back_ms) / 2;
    this.samples.push({ offset_ms, rtt_ms: Math.max(rtt_ms, 0), at_ms: back_ms });
    if (this.samples.length > SAMPLES_MAX) this.samples.shift();
    this.offset_ms = this.#best().offset_ms;
  }

  /** Hub time, ms. Before the first message, this device's own line. */
  now() {
    return this.local() + (this.offset_ms ?? 0);
  }

  /** Bound of the error, ms; null when nothing was measured. */
  get error_ms() {
    return this.samples.length ? this.#bound(this.#best()) : null;
  }

  /** @param {Sample} sample */
  #bound(sample) {
    return sample.rtt_ms / 2 + ((this.local() - sample.at_ms) * DRIFT_PPM) / 1e6;
  }

  /** The sample whose bound is the tightest now: minimum round trip, corrected for its age. */
  #best() {
    return this.samples.reduce((a, b) => (this.#bound(b) < this.#bound(a) ? b : a));
  }
}
