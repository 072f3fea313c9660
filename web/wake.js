// @ts-check
/** Keeps the screen lit while a ride runs, where the browser lets a page do so. */

export class WakeLock {
  constructor() {
    this.wanted = false;
    /** @type {WakeLockSentinel | null} */
    this.lock = null;
    document.addEventListener("visibilitychange", () => this.#settle());
  }

  /** @param {boolean} wanted */
  want(wanted) {
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    this.#settle();
  }

  /** The browser drops the lock of a hidden page, so it is asked for again on return. */
  async #settle() {
    if (!this.wanted) {
      this.lock?.release();
      this.lock = null;
      return;
    }
    if (document.hidden || !navigator.wakeLock || (this.lock && !this.lock.released)) return;
    try {
      this.lock = await navigator.wakeLock.request("screen");
    } catch {
      this.lock = null; // low battery: the browser's choice, and no error of ours
    }
  }
}
