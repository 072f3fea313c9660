// @ts-check
/** What was ridden so far, one point per second of riding time, for the profile. */

const SECONDS_MAX = 6 * 3600;
const KEEP_EVERY_S = 5;

export class Trace {
  /** Picks up where a reload of this tab broke off. @param {string} key */
  constructor(key) {
    this.key = `derny.trace.${key}`;
    /** @type {(number | null)[]} */
    this.power_w = [];
    /** @type {(number | null)[]} */
    this.heart_rate_bpm = [];
    this.max_heart_rate_bpm = 0;
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.key) ?? "null");
      if (kept) Object.assign(this, { power_w: kept.power_w, heart_rate_bpm: kept.heart_rate_bpm });
    } catch {
      sessionStorage.removeItem(this.key);
    }
    for (const bpm of this.heart_rate_bpm)
      this.max_heart_rate_bpm = Math.max(this.max_heart_rate_bpm, bpm ?? 0);
  }

  /**
   * @param {number} ridden_ms
   * @param {number | null} power_w
   * @param {number | null} heart_rate_bpm
   */
  put(ridden_ms, power_w, heart_rate_bpm) {
    const second = Math.floor(ridden_ms / 1000);
    if (second < 0 || second >= SECONDS_MAX) return;
    const fresh = second >= this.power_w.length;
    while (this.power_w.length <= second) {
      this.power_w.push(null);
      this.heart_rate_bpm.push(null);
    }
    this.power_w[second] = power_w;
    this.heart_rate_bpm[second] = heart_rate_bpm;
    this.max_heart_rate_bpm = Math.max(this.max_heart_rate_bpm, heart_rate_bpm ?? 0);
    if (fresh && second % KEEP_EVERY_S === 0) this.keep();
  }

  /** For whoever shows this ride next in this tab. */
  keep() {
    const rounded = (/** @type {number | null} */ v) => (v === null ? null : Math.round(v));
    const kept = {
      power_w: this.power_w.map(rounded),
      heart_rate_bpm: this.heart_rate_bpm.map(rounded),
    };
    try {
      sessionStorage.setItem(this.key, JSON.stringify(kept));
    } catch {
      // The tab's storage is full or forbidden: a reload then begins with an empty trace.
    }
  }
}
