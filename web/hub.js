// @ts-check
/** Everything a view needs of the hub, built once and handed down. */

import { api } from "./api.js";
import { HubClock } from "./clock.js";
import { newKey } from "./format.js";
import { Beeper } from "./sound.js";
import { Store } from "./store.js";
import { WakeLock } from "./wake.js";
import { Wire } from "./wire.js";

/** @typedef {import("./protocol.d.ts").Action} Action */
/** @typedef {import("./protocol.d.ts").Metric} Metric */

/**
 * @typedef {object} More what some actions say besides
 * @property {string} [athlete]
 * @property {number} [trim_pct]
 * @property {import("./protocol.d.ts").Control["target"]} [target]
 * @property {string} [kind] of "trim": of such steps only
 * @property {number} [to] of "jump"
 * @property {number} [by_s]
 * @property {string} [text]
 */

const RENEW_EVERY_MS = 3_600_000;
const RENEW_MS = 15 * 24 * 3_600_000; // so long before the sign-in ends

export class Hub {
  constructor() {
    this.api = api;
    this.clock = new HubClock();
    this.store = new Store();
    this.beeper = new Beeper();
    this.wake = new WakeLock();
    /** @type {import("./shapes.d.ts").Me | null} */
    this.me = null;
    this.renewable = true;
    setInterval(() => this.#renew(), RENEW_EVERY_MS);
    const url = new URL("/live", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.wire = new Wire(
      url.href,
      this.clock,
      (message) => {
        this.store.take(message);
        if (message.t === "welcome") this.#renew();
      },
      (status) => this.store.become(status),
    );
  }

  /** The viewer's own athlete id; "" before there is one. */
  get athlete() {
    return this.me?.athlete?.athlete ?? this.store.athlete;
  }

  async loadMe() {
    this.me = await this.api.me();
    this.store.touch();
    return this.me;
  }

  /** A screen that is left on stays signed in. */
  async #renew() {
    const { expires_at_ms } = this.wire;
    if (!expires_at_ms || expires_at_ms - this.clock.now() > RENEW_MS || !this.renewable) return;
    try {
      await this.api.renew();
      this.wire.reopen();
    } catch (error) {
      // A guest's ends with the class. Whatever else it was: again in an hour.
      this.renewable = /** @type {import("./api.js").ApiError} */ (error).code !== "conflict";
    }
  }

  /** The viewer's athlete, made from nothing if the form was skipped. */
  async ensureAthlete() {
    if (!this.athlete) {
      await this.api.saveMe({ name: null, ftp_w: null, max_hr_bpm: null, weight_kg: null });
      await this.loadMe();
    }
    return this.athlete;
  }

  /**
   * @param {string} session
   * @param {Action} action
   * @param {More} [more]
   */
  control(session, action, more = {}) {
    return this.wire.ask({ t: "control", key: newKey(), session, action, ...more });
  }

  /** @param {string} athlete @param {Metric} metric @param {string} sensor_id */
  prefer(athlete, metric, sensor_id) {
    return this.wire.ask({ t: "prefer", key: newKey(), athlete, metric, sensor_id });
  }
}
