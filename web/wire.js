// @ts-check
/** One socket to the hub: subscriptions, resume, acknowledgements, and coming back. */

import {
  ACK_MS,
  BACKOFF_FACTOR,
  BACKOFF_MS,
  BACKOFF_MS_MAX,
  CLOCK_EVERY_MS,
  CLOCK_FIRST_MS,
  CLOCK_QUIET_MS,
  CLOCK_SAMPLES_FIRST,
  FINAL_CODES,
  PROTOCOL_VERSION,
  SILENCE_MS,
} from "./constants.js";

/** @typedef {import("./protocol.d.ts").ToClient} ToClient */
/** @typedef {import("./protocol.d.ts").FromClient} FromClient */
/** @typedef {import("./protocol.d.ts").Reply} Reply */
/** @typedef {import("./clock.js").HubClock} HubClock */
/**
 * connecting: never had an answer. live: frames arrive. away: lost, coming back by itself.
 * refused: the hub said not to come back.
 * @typedef {"connecting" | "live" | "away" | "refused"} WireStatus
 */

const REPLY_MS = 5_000;

/** Whether to come back after such an end. @param {number} code */
export function comesBack(code) {
  return code < FINAL_CODES[0] || code > FINAL_CODES[1];
}

export class Wire {
  /**
   * @param {string} url
   * @param {HubClock} clock
   * @param {(message: ToClient) => void} onMessage
   * @param {(status: WireStatus) => void} onStatus
   */
  constructor(url, clock, onMessage, onStatus) {
    this.url = url;
    this.clock = clock;
    this.onMessage = onMessage;
    this.onStatus = onStatus;
    /** @type {WireStatus} */
    this.status = "connecting";
    this.reason = "";
    this.lost_at_ms = 0; // local clock: the last word before it went away
    /** @type {Map<string, {rate_hz: number, users: number}>} */
    this.channels = new Map();
    /** @type {Map<string, import("./protocol.d.ts").Resume>} */
    this.marks = new Map();
    /** @type {Map<string, {settle: (reply: Reply) => void, timer: number}>} */
    this.waiting = new Map();
    /** @type {WebSocket | null} */
    this.socket = null;
    this.attempts = 0;
    this.heard_at_ms = 0;
    this.asked_at_ms = 0; // the clock
    this.greeted = false; // on this socket
    this.expires_at_ms = 0; // hub time: the end of the sign-in; 0: not known yet
    this.seen = 0; // newest state frame
    this.acked = 0;
    /** @type {number | null} */
    this.retry_ms = null;
    this.timer = 0;
    this.started = false;
  }

  /** Opens the socket; again after a new sign-in, for a refusal was the end of the old one. */
  start() {
    if (this.started) {
      if (this.status !== "refused") return;
      this.#become("connecting");
      this.#open();
      return;
    }
    this.started = true;
    setInterval(() => this.#beat(), ACK_MS);
    const hurry = () => this.status === "away" && !this.socket && this.#open();
    addEventListener("online", hurry);
    document.addEventListener("visibilitychange", () => document.hidden || hurry());
    this.#open();
  }

  /** Comes in anew, with the sign-in that the browser holds now; nothing is missed. */
  reopen() {
    if (this.status !== "live") return;
    this.#drop();
    this.#open();
  }

  /** @param {string} channel @param {number} rate_hz */
  subscribe(channel, rate_hz = 2) {
    const known = this.channels.get(channel);
    if (known) {
      known.users += 1;
      return;
    }
    this.channels.set(channel, { rate_hz, users: 1 });
    if (this.status === "live") this.#subscribe(channel, rate_hz);
  }

  /** @param {string} channel */
  unsubscribe(channel) {
    const known = this.channels.get(channel);
    if (!known) return;
    known.users -= 1;
    if (known.users) return;
    this.channels.delete(channel);
    this.marks.delete(channel);
    this.#send({ t: "unsubscribe", channel });
  }

  /**
   * Asks and waits for the reply. Never rejects: without a hub the reply says so.
   * @param {import("./protocol.d.ts").Control | import("./protocol.d.ts").Prefer} message
   * @returns {Promise<Reply>}
   */
  ask(message) {
    const { key } = message;
    /** @param {string} code @param {string} detail @returns {Reply} */
    const failed = (code, detail) => ({ t: "reply", key, ok: false, code, detail });
    if (this.status !== "live") {
      return Promise.resolve(failed("away", "The hub is away. Try again when it is back."));
    }
    return new Promise((settle) => {
      const timer = setTimeout(() => {
        this.waiting.delete(key);
        settle(failed("no_answer", "The hub did not answer. Try again."));
      }, REPLY_MS);
      this.waiting.set(key, { settle, timer });
      this.#send(message);
    });
  }

  #open() {
    clearTimeout(this.timer);
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.greeted = false;
    this.heard_at_ms = this.clock.local();
    socket.onopen = () => {
      this.#send({ t: "hello", v: PROTOCOL_VERSION, client: "web" });
      this.#askClock();
    };
    socket.onmessage = (event) => {
      if (socket === this.socket) this.#take(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.#lost(event.code, event.reason);
    };
  }

  /** @param {ToClient} message */
  #take(message) {
    this.heard_at_ms = this.clock.local();
    switch (message.t) {
      case "welcome":
        this.#welcomed(message);
        break;
      case "clock":
        this.clock.learn(message);
        break;
      case "state":
        this.seen = message.n;
        break;
      case "snapshot":
        this.marks.set(message.channel, { epoch: message.epoch, offset: message.offset });
        break;
      case "event": {
        const mark = this.marks.get(message.channel);
        if (mark) mark.offset = message.offset;
        break;
      }
      case "gap":
        this.marks.delete(message.channel);
        break;
      case "bye":
        this.retry_ms = message.retry_ms;
        this.reason = message.reason;
        break;
      case "reply":
        this.#settle(message);
        break;
    }
    this.onMessage(message);
  }

  /** @param {import("./protocol.d.ts").Welcome} message */
  #welcomed(message) {
    this.expires_at_ms = message.expires_at_ms;
    // Said again when the login acts as somebody else: the hub answers every channel anew itself.
    if (this.greeted) return;
    this.greeted = true;
    this.clock.forget();
    this.clock.guess(message.hub_ms);
    this.attempts = 0;
    this.retry_ms = null;
    this.seen = 0;
    this.acked = 0;
    this.#become("live");
    for (const [channel, { rate_hz }] of this.channels) this.#subscribe(channel, rate_hz);
    for (let i = 0; i < CLOCK_SAMPLES_FIRST; i += 1)
      setTimeout(() => this.#askClock(), CLOCK_FIRST_MS * i);
  }

  /** @param {string} channel @param {number} rate_hz */
  #subscribe(channel, rate_hz) {
    const resume = this.marks.get(channel);
    this.#send({ t: "subscribe", channel, rate_hz, ...(resume ? { resume } : {}) });
  }

  #beat() {
    if (!this.socket) return;
    const quiet_ms = this.clock.local() - this.heard_at_ms;
    if (quiet_ms > SILENCE_MS) {
      this.#lost(1006, "");
      return;
    }
    if (this.status !== "live") return;
    if (this.seen > this.acked) {
      this.acked = this.seen;
      this.#send({ t: "ack", n: this.seen });
    }
    // Beats are a second apart: who is quiet for half of one would be so for too long at the next.
    const asked_ms_ago = this.clock.local() - this.asked_at_ms;
    if (quiet_ms > CLOCK_QUIET_MS / 2 || asked_ms_ago > CLOCK_EVERY_MS) this.#askClock();
  }

  #askClock() {
    this.asked_at_ms = this.clock.local();
    this.#send({ t: "clock", sent_ms: this.clock.local() });
  }

  /** @param {number} code @param {string} why */
  #lost(code, why) {
    this.#drop();
    if (this.status !== "away") this.lost_at_ms = this.heard_at_ms;
    for (const { settle, timer } of this.waiting.values()) {
      clearTimeout(timer);
      settle({
        t: "reply",
        key: "",
        ok: false,
        code: "away",
        detail: "The hub went away. Try again when it is back.",
      });
    }
    this.waiting.clear();
    if (!comesBack(code)) {
      this.reason ||= why;
      this.#become("refused");
      return;
    }
    this.#become("away");
    this.timer = setTimeout(() => this.#open(), this.#away());
  }

  /** How long to stay away: many screens that lost one hub must not come back in one instant. */
  #away() {
    const asked_ms = this.retry_ms; // the hub has spread its clients already
    this.retry_ms = null;
    const backoff_ms = Math.min(BACKOFF_MS * BACKOFF_FACTOR ** this.attempts, BACKOFF_MS_MAX);
    this.attempts += 1;
    return asked_ms ?? backoff_ms * (0.5 + Math.random());
  }

  #drop() {
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onclose = null;
      socket.close();
    }
  }

  /** @param {Reply} reply */
  #settle(reply) {
    const waiting = this.waiting.get(reply.key);
    if (!waiting) return;
    this.waiting.delete(reply.key);
    clearTimeout(waiting.timer);
    waiting.settle(reply);
  }

  /** @param {FromClient} message */
  #send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  /** @param {WireStatus} status */
  #become(status) {
    if (status === this.status) return;
    this.status = status;
    this.onStatus(status);
  }
}
