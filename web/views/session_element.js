// @ts-check
/** What the ride and the wrist share: one rider's session, followed, with tones, light and trace. */

import { reading } from "../reading.js";
import { position, riddenMs, tonesAhead } from "../timeline.js";
import { Trace } from "../trace.js";
import { HubElement } from "./element.js";

/** @typedef {import("../protocol.d.ts").SessionView} SessionView */
/** @typedef {import("../protocol.d.ts").AthleteView} AthleteView */
/** @typedef {import("../protocol.d.ts").Metric} Metric */
/** @typedef {import("./scene.js").Scene} Scene */

const AHEAD_MS = 4_000;
// A page that nobody sees may run once a minute only, and its hub may be away.
const AHEAD_UNSEEN_MS = 70_000;

export class SessionElement extends HubElement {
  /** @type {import("lit").PropertyDeclarations} */
  static properties = { session: {}, athlete: {} };

  constructor() {
    super();
    this.session = "";
    this.athlete = "";
    this.rate_hz = 1;
    /** @type {Trace | null} */
    this.trace = null;
    this.onRows = () => this.#record();
    this.onSeen = () => this.#seen();
  }

  get channel() {
    return `session:${this.session}`;
  }

  connectedCallback() {
    super.connectedCallback();
    this.hub.wire.subscribe(this.channel, this.rate_hz);
    this.hub.wire.subscribe("sensors", 1);
    this.hub.store.addEventListener("rows", this.onRows);
    document.addEventListener("visibilitychange", this.onSeen);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.hub.wire.unsubscribe(this.channel);
    this.hub.wire.unsubscribe("sensors");
    this.hub.store.drop(this.channel);
    this.hub.store.removeEventListener("rows", this.onRows);
    document.removeEventListener("visibilitychange", this.onSeen);
    this.hub.wake.want(false);
    this.hub.beeper.lay([], this.hub.clock.now());
    this.trace?.keep();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    const before = changed.get("session");
    if (before && before !== this.session) {
      this.hub.wire.unsubscribe(`session:${before}`);
      this.hub.store.drop(`session:${before}`);
      this.hub.wire.subscribe(this.channel, this.rate_hz);
    }
    if (changed.has("session") || changed.has("athlete")) this.trace = null;
  }

  /** @returns {SessionView | null} */
  get view() {
    return this.hub.store.session(this.session)?.view ?? null;
  }

  /**
   * Who is shown: the one in the address, else the viewer, else the first.
   * @returns {AthleteView | null}
   */
  get rider() {
    const athletes = this.view?.athletes ?? [];
    const wanted = this.athlete || this.hub.athlete;
    return athletes.find((one) => one.athlete === wanted) ?? athletes[0] ?? null;
  }

  /** A rider's own lane when self-paced, else the group's. */
  get lane() {
    const lanes = this.view?.lanes ?? [];
    return lanes.find((one) => one.lane === this.rider?.athlete) ?? lanes[0] ?? null;
  }

  get own() {
    return !!this.rider && this.rider.athlete === this.hub.athlete;
  }

  /**
   * Whether the viewer may start, pause and end: a class is its coach's, unless each has an own pace;
   * every other ride is the rider's.
   */
  get leads() {
    return this.view?.pace === "self" || !this.view?.open || ["owner", "coach"].includes(this.hub.me?.role ?? "");
  }

  /** The hub is away: what it reckons is as old as its last frame. */
  get stale() {
    return this.hub.store.status !== "live";
  }

  /** Why there is nothing to show; "" as long as the hub said nothing of the kind. */
  get refused() {
    return this.hub.store.refused.get(this.channel) ?? "";
  }

  /** Now; null before the hub has told of the session. @returns {Scene | null} */
  get scene() {
    const { rider, lane } = this;
    if (!rider || !lane) return null;
    const now = this.hub.clock.now();
    const row = this.hub.store.session(this.session)?.rows.get(rider.athlete);
    return {
      rider,
      row,
      sensors: this.hub.store.sensors,
      at: position(lane, now),
      now,
      own: this.own,
      auto_paused: !!lane.auto_paused,
      stale: this.stale,
      feel: row?.["power_w.q"] !== "denied" && (!rider.ftp_w || !!rider.ftp_assumed),
    };
  }

  openTrace() {
    this.trace ??= new Trace(`${this.session}.${this.rider?.athlete}`);
    return this.trace;
  }

  updated() {
    super.updated();
    this.#layTones();
    this.hub.wake.want(this.lane?.status === "running");
  }

  #layTones() {
    const { lane } = this;
    const now = this.hub.clock.now();
    const ahead_ms = document.hidden ? AHEAD_UNSEEN_MS : AHEAD_MS;
    this.hub.beeper.lay(lane ? tonesAhead(lane, now, ahead_ms) : [], now);
  }

  /** The audio clock may have stood still meanwhile: what was laid into it would sound late. */
  #seen() {
    if (!document.hidden) this.hub.beeper.renew();
    this.#layTones();
  }

  /** With every row, seen or not: a hidden tab draws nothing but must have no hole, and beeps. */
  #record() {
    const { scene, lane } = this;
    if (!scene || !lane || lane.status !== "running") return;
    const live = (/** @type {Metric} */ metric) => {
      const one = reading(scene.row, metric, scene.now);
      return one.quality === "live" ? one.value : null;
    };
    this.openTrace().put(riddenMs(lane, scene.now), live("power_w"), live("heart_rate_bpm"));
    if (document.hidden) this.#layTones();
  }
}
