// @ts-check
/** The ride: now, how long, what next. */

import { html, nothing } from "lit";
import { minutes, roughly } from "../format.js";
import "../profile.js";
import { theme } from "../theme.js";
import { lineAt, position } from "../timeline.js";
import { Reader, speak } from "../voice.js";
import { sensorChip, switchWords, trainerWords } from "../words.js";
import { coachAway, watchersWords } from "../words_presence.js";
import { spinDownWords } from "../words_trainer.js";
import { powerShares } from "../zones.js";
import "./asks.js";
import { cadenceCard, heartCard } from "./body_cards.js";
import { controls, press } from "./controls.js";
import { dialCard, isByHand } from "./dial_card.js";
import { intervalCard, nextCard } from "./interval_cards.js";
import { TRIM_PCT } from "./intensity.js";
import { undoToast } from "./interval_panel.js";
import { openAtStep } from "./jump_list.js";
import { banner, icon } from "./parts.js";
import { powerCard } from "./power_card.js";
import { rideDialogs } from "./ride_dialogs.js";
import { asked } from "./scene.js";
import { SessionElement } from "./session_element.js";
import "./share_offer.js";

/** @typedef {import("../protocol.d.ts").Action} Action */
/** @typedef {import("./scene.js").Scene} Scene */
/** @typedef {import("../timeline.js").Position} Position */

const REDRAW_MS = 250;
const NOTICE_MS = 6_000;
const AWAY_MS = 3_000; // a blip is "Reconnecting"; without a word for so long the hub is away

class DernyRide extends SessionElement {
  static properties = { notice: { state: true }, kind: { state: true } };

  constructor() {
    super();
    this.rate_hz = 4;
    this.notice = "";
    this.noticeTimer = 0;
    /** Of which steps the interval's dialog shows the intensity; "": of all. */
    this.kind = "";
    this.told = "";
    this.reader = new Reader();
    this.toldKey = "";
    this.onKey = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    this.onTold = (/** @type {Event} */ event) => this.#tell(/** @type {CustomEvent} */ (event));
    /** @type {import("./controls.js").Acts} */
    this.acts = {
      say: (action) => this.#do(action),
      trim: (by_pct) => this.#trim(by_pct),
      finish: () => this.#dialog("finish")?.showModal(),
      more: () => this.view?.workout && this.#dialog("interval")?.showModal(),
      mute: () => (this.hub.beeper.toggle(), this.requestUpdate()),
      full: () => this.#full(),
    };
    /** @type {import("./ride_dialogs.js").DialogActs} */
    this.dialogActs = {
      open: (name) => openAtStep(this.#dialog(name)),
      close: (name) => this.#dialog(name)?.close(),
      say: (action, more) => this.#do(action, more),
      of: (kind) => (this.kind = kind),
      finish: () => this.#do("stop"),
      prefer: (sensor_id) => this.#prefer(sensor_id),
    };
  }

  connectedCallback() {
    super.connectedCallback();
    document.addEventListener("keydown", this.onKey);
    this.hub.store.addEventListener("told", this.onTold);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.onKey);
    this.hub.store.removeEventListener("told", this.onTold);
    clearTimeout(this.noticeTimer);
  }

  /** The next whole second of the countdown, and ages in between. */
  trueFor() {
    const lane = this.lane;
    const left_ms = lane ? position(lane, this.hub.clock.now()).remaining_ms : null;
    return left_ms ? Math.min((left_ms % 1000) + 5, REDRAW_MS) : REDRAW_MS;
  }

  render() {
    const { scene, lane, hub, leads } = this;
    if (this.refused) return this.#gone(this.refused);
    if (!scene || !lane)
      return html`<main class="full" aria-busy="true">
        <p>${this.#linkWords() || "Opening the ride …"}</p>
      </main>`;
    const { at, feel, rider } = scene;
    const free = !this.view?.workout;
    return html`<div
      class="ride ${at.status}"
      data-testid="ride"
      data-status=${at.status}
      data-link=${this.hub.store.status}
    >
      ${this.#top(at)}
      <div class="banners" role="alert">
        ${this.#banners(at)}<derny-asks .hub=${hub}></derny-asks>
        <derny-share-offer .hub=${hub} .session=${this.own && this.view?.open ? this.session : ""}></derny-share-offer>
      </div>
      <main class="main">
        ${powerCard(scene, () => this.#dialog("sources")?.showModal())}
        <div class="right">
          ${intervalCard(scene, lane.phases.length, this.own && !free ? this.acts.more : null)}
          ${isByHand(scene) ? dialCard(scene, (target) => this.#do("dial", { target })) : nextCard(scene)}
          <div class="two">
            ${heartCard(scene, this.openTrace().max_heart_rate_bpm)}${cadenceCard(scene)}
          </div>
        </div>
      </main>
      <section class="chart" aria-label="Workout profile with power and heart rate so far">
        <derny-profile
          .phases=${lane.phases}
          .ftp_w=${feel ? null : rider.ftp_w}
          .zone_shares=${powerShares(rider)}
          .ridden_ms=${Math.floor(at.ridden_ms / 1000) * 1000}
          .trace=${this.trace}
          .theme=${theme()}
        ></derny-profile>
      </section>
      ${this.own ? controls(at, this.trim.trim_pct, hub.beeper.muted, leads, this.acts) : this.#watching()}
      <div class="vh" aria-live="polite" data-testid="spoken">${this.#spoken(scene)}</div>
      <div class="toasts">
        ${this.own && leads ? undoToast(lane, this.hub.store.session(this.session)?.causes, scene.now, () => this.#do("undo")) : nothing}
        <div class="toast" role="status" data-testid="notice" ?hidden=${!this.notice}>
          ${this.notice}
        </div>
      </div>
      ${rideDialogs({ hub, scene, lane, presence: this.presence, leads, kind: this.kind }, this.dialogActs)}
    </div>`;
  }

  updated() {
    super.updated();
    const finished = this.hub.store.session(this.session)?.finished;
    const { view, rider } = this;
    const activity = finished?.activities[this.hub.athlete] || view?.activity || rider?.activity;
    if (this.own && activity) location.replace(`#/end/${encodeURIComponent(activity)}`);
    else if (this.own && finished) location.replace("#/");
    const { scene } = this;
    if (this.own && scene?.at.phase)
      this.reader.read(scene.at, lineAt(scene.at.phase, scene.at.phase_ms), this.hub.beeper.muted);
  }

  /** @param {Position} at */
  #top(at) {
    const { view, rider, hub } = this;
    const sensors =
      hub.store.sensors?.sensors.filter((one) => one.athlete === rider?.athlete) ?? [];
    const total = at.total_ms === null ? nothing : html`<small>/ ${minutes(at.total_ms)}</small>`;
    const error_ms = hub.clock.error_ms;
    return html`<header class="top">
      <a class="ib" href="#/" aria-label="Back to start" data-testid="back">${icon("back")}</a>
      <h1>${view?.title}</h1>
      <span class="sub"
        >${this.own ? "" : rider?.name}${view?.demo ? html` <span class="badge" data-testid="demo-badge">Demo</span>` : nothing}</span
      >
      <span class="sp"></span>
      ${sensors.map((one) => {
        const { text, tone } = sensorChip(one, rider?.trainer);
        return html`<span class="dev" data-testid="device"><i class=${tone}></i>${text}</span>`;
      })}
      ${this.#seenBy()}
      <span
        class="dev link"
        data-testid="link"
        title=${error_ms === null ? "" : `Clock within ${Math.ceil(error_ms)} ms`}
      >
        <i class=${this.stale ? "alert" : "ok"}></i
        >${this.stale ? this.#linkWords() : "Live"}</span
      >
      <span class="num elapsed" data-testid="elapsed">${minutes(at.ridden_ms)} ${total}</span>
    </header>`;
  }

  get presence() {
    return this.hub.store.session(this.session)?.presence;
  }

  /** Nobody looks at one's heart unseen; in a class one may also say who may. */
  #seenBy() {
    const words = watchersWords(this.presence);
    if (!this.own || (!words && !this.view?.open)) return nothing;
    return html`<button
      class="dev seen"
      @click=${() => this.#sharing()}
      title=${words || "Nobody looks right now"}
      aria-label=${`Your numbers are seen by: ${words || "nobody right now"}`}
      data-testid="seen-by"
    >
      ${icon("eye")}${this.presence?.watching || nothing}
    </button>`;
  }

  /** With what was said elsewhere meanwhile. */
  #sharing() {
    const dialog = this.#dialog("sharing");
    /** @type {import("./sharing.js").DernySharing | null | undefined} */ (dialog?.querySelector("derny-sharing"))?.renew();
    dialog?.showModal();
  }

  #linkWords() {
    const { status } = this.hub.store;
    if (status === "connecting") return "Connecting";
    if (status !== "away") return "";
    const quiet_ms = this.hub.clock.local() - this.hub.wire.lost_at_ms;
    return quiet_ms > AWAY_MS ? "Hub away" : "Reconnecting";
  }

  /** @param {Position} at */
  #banners(at) {
    const link = this.#linkWords();
    const trainer = trainerWords(this.rider?.trainer);
    const run = this.rider?.trainer?.spin_down;
    const spins = this.own && !!run && !["done", "failed"].includes(run.phase);
    const coach = coachAway(this.presence?.coach, this.hub.clock.now());
    return [
      coach && !this.stale ? banner("note", coach, nothing, "coach-away") : nothing,
      spins
        ? banner("note", `Calibration · ${spinDownWords(run).title}`, nothing, "spin-banner")
        : nothing,
      link === "Hub away"
        ? banner("warn", `Hub away · ${this.#awayWords(at)}`, nothing, "hub-away")
        : nothing,
      trainer && this.own && trainer.tone !== "note"
        ? banner(
            trainer.tone,
            trainer.text,
            trainer.retry
              ? html`<button
                    class="btn"
                    @click=${() => this.#do("retry_trainer")}
                    data-testid="retry-trainer"
                  >
                    Retry
                  </button>
                  <button
                    class="btn quiet"
                    @click=${() => this.#do("free_trainer")}
                    data-testid="free-trainer"
                  >
                    Ride without
                  </button>`
              : nothing,
            "trainer-banner",
          )
        : nothing,
    ];
  }

  /** @param {Position} at */
  #awayWords(at) {
    const until = this.rider?.trainer?.follows_until_at_ms;
    const now = this.hub.clock.now();
    if (until && until > now && at.status === "running") {
      return `trainer follows the plan until ${minutes(at.ridden_ms + until - now)}. Coming back by itself.`;
    }
    return "the countdown goes on. Coming back by itself.";
  }

  /** Somebody else's ride: on to the next rider. */
  #watching() {
    const athletes = this.view?.athletes ?? [];
    return html`<nav class="ctl riders" aria-label="Riders">
      ${athletes.map(
        (one) =>
          html`<a
            class="btn"
            href=${`#/ride/${this.session}/${one.athlete}`}
            aria-current=${one.athlete === this.rider?.athlete ? "page" : "false"}
            >${one.name}</a
          >`,
      )}
    </nav>`;
  }

  /** @param {string} detail */
  #gone(detail) {
    return html`<main class="full" data-testid="session-gone">
      <h1>This ride is not here any more</h1>
      <p>${detail}</p>
      <a class="btn primary" href="#/">Back to start</a>
    </main>`;
  }

  /** Said once per change of interval. @param {Scene} scene */
  #spoken(scene) {
    const { phase, status, index } = scene.at;
    const key = `${status}.${index}`;
    if (this.toldKey !== key) {
      this.toldKey = key;
      const length = phase?.duration_ms ? `, ${roughly(Math.max(phase.duration_ms, 60_000))}` : "";
      this.told =
        status === "paused"
          ? "Paused"
          : phase
            ? `${phase.name}, ${asked(scene, phase, index)}${length}`
            : status;
    }
    return this.told;
  }

  /** @param {CustomEvent<{channel: string, body: import("../protocol.d.ts").EventBody}>} event */
  #tell({ detail: { channel, body } }) {
    if (channel !== this.channel) return;
    const mine = this.rider?.athlete;
    if (body.e === "source" && body.athlete === mine) this.#say(switchWords(body));
    if (body.e === "message" && (!body.to || body.to === mine)) this.#message(body.text);
    if (body.e === "lap" && body.athlete === mine) this.#say(`Lap ${body.number}`);
  }

  /** What the coach says is heard as well. @param {string} words */
  #message(words) {
    this.#say(words);
    if (this.own) speak(words, this.hub.beeper.muted);
  }

  /** @param {string} words */
  #say(words) {
    this.notice = words;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => (this.notice = ""), NOTICE_MS);
  }

  /** @param {Action} action @param {import("../hub.js").More} [more] */
  async #do(action, more = {}) {
    const athlete = this.rider?.athlete ?? "";
    const reply = await this.hub.control(this.session, action, { athlete, ...more });
    if (!reply.ok) this.#say(reply.detail || "The hub refused this.");
  }

  /** The intensity that counts now: of this kind of steps where it is set apart. @returns {{trim_pct: number, kind?: string}} */
  get trim() {
    const { rider, scene } = this;
    const kind = scene?.at.phase?.kind ?? "";
    const apart = rider?.trims?.[kind];
    return apart === undefined ? { trim_pct: rider?.trim_pct ?? 100 } : { trim_pct: apart, kind };
  }

  /** @param {number} by */
  #trim(by) {
    const trim_pct = this.trim.trim_pct + by;
    if (trim_pct >= TRIM_PCT.low && trim_pct <= TRIM_PCT.high) this.#do("trim", { ...this.trim, trim_pct });
  }

  /** @param {string} sensor_id */
  async #prefer(sensor_id) {
    const reply = await this.hub.prefer(this.rider?.athlete ?? "", "power_w", sensor_id);
    if (!reply.ok) this.#say(reply.detail || "The hub refused this.");
  }

  #full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else
      document.documentElement
        .requestFullscreen?.()
        .catch(() => this.#say("This browser has no full screen here."));
  }

  /** @param {string} name @returns {HTMLDialogElement | null} */
  #dialog(name) {
    return this.querySelector(`dialog[data-name=${name}]`);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!this.own || !this.lane || this.querySelector("dialog[open]")) return;
    press(event, position(this.lane, this.hub.clock.now()), this.leads, this.acts);
  }
}

customElements.define("derny-ride", DernyRide);
