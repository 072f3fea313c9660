// @ts-check
/** The class of a room, for who leads it: opened here, and steered while it is under way. */

import { html, nothing } from "lit";
import { Attention } from "../attention.js";
import { coachAway, spreadWords } from "../words_presence.js";
import { ActingElement } from "./acting_element.js";
import { classControls, isAlone, laneFor } from "./class_controls.js";
import { classForm } from "./class_form.js";
import { classNow } from "./class_now.js";
import { attentionList, classTiles, unsharedWords } from "./class_tiles.js";
import { jumpList, openAtStep } from "./jump_list.js";
import { banner } from "./parts.js";

/** @typedef {import("../shapes.d.ts").Workout} Workout */
/** @typedef {import("../protocol.d.ts").SessionView} SessionView */
/** @typedef {import("../protocol.d.ts").Action} Action */
/** @typedef {import("../hub.js").More} More */

const EVERYBODY = "*";
const SPREAD_EVERY_MS = 10_000;
/** What the button that moves the whole class on does. @type {Record<string, [Action, string]>} */
const NEXT = {
  ready: ["start", "Start"],
  running: ["pause", "Pause"],
  paused: ["resume", "Go on"],
};
const WHOLE = ["start", "pause", "resume", "stop", "take_over"]; // of the class, whoever is chosen

class DernyClass extends ActingElement {
  static properties = {
    workouts: { attribute: false },
    session: {},
    whom: { state: true },
    kind: { state: true },
    spread: { state: true },
  };

  constructor() {
    super();
    /** @type {Workout[]} */
    this.workouts = [];
    /** Of the class that is open; "": none. */
    this.session = "";
    /** Whom the controls are about; "": everybody. */
    this.whom = "";
    /** Of which steps the intensity is; "": of all. */
    this.kind = "";
    /** How well the newest cue was kept; "": nothing to say. */
    this.spread = "";
    this.asked_at_ms = -Infinity; // local time, for the spread
    this.attention = new Attention();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#follow(this.session, "");
  }

  /** @param {Map<string, any>} changed */
  willUpdate(changed) {
    if (changed.has("session")) {
      this.#follow(changed.get("session") ?? "", this.session);
      this.whom = this.kind = this.spread = "";
      this.asked_at_ms = -Infinity;
    }
    const riders = this.view?.athletes ?? [];
    if (this.whom && !riders.some((one) => one.athlete === this.whom)) this.whom = "";
  }

  /** @param {string} before @param {string} session */
  #follow(before, session) {
    if (before) {
      this.hub.wire.unsubscribe(`session:${before}`);
      this.hub.store.drop(`session:${before}`);
    }
    if (session) this.hub.wire.subscribe(`session:${session}`, 1);
  }

  trueFor() {
    return this.session ? 500 : null;
  }

  updated() {
    super.updated();
    if (this.view?.status === "running" && !document.hidden) this.#askSpread(this.view.session);
  }

  /** A failure says nothing: the link's own words do, and the next answer comes. @param {string} session */
  async #askSpread(session) {
    const now = this.hub.clock.local();
    if (now - this.asked_at_ms < SPREAD_EVERY_MS) return;
    this.asked_at_ms = now;
    const cues = await this.hub.api.cues(session).catch(() => null);
    if (cues && session === this.session) this.spread = spreadWords(cues);
  }

  get view() {
    return this.session ? (this.hub.store.session(this.session)?.view ?? null) : null;
  }

  render() {
    return html`<div class="banners" role="alert">${this.problemBanner()}</div>
      ${this.view ? this.#open(this.view) : classForm(this.workouts, this.busy, (wanted) => this.attempt(() => this.hub.api.openClass(wanted)))}`;
  }

  /** @param {SessionView} view */
  #open(view) {
    const known = this.hub.store.session(view.session);
    const riders = view.athletes.length;
    const rows = known?.rows ?? new Map();
    const [action, words] = NEXT[view.status] ?? [];
    const lane = laneFor(view, this.whom);
    const now = this.hub.clock.now();
    const running = view.status === "running";
    const alerts = this.attention.look(view, rows, now);
    const counts = [riders === 1 ? "1 rider" : `${riders} riders`, unsharedWords(rows)];
    return html`<section aria-labelledby="class-title" data-testid="class" data-status=${view.status}>
      ${this.#lead(known?.presence?.coach, now)}
      <div class="row">
        <h2 id="class-title">${view.title}</h2>
        <span class="meta" data-testid="class-riders">${counts.filter(Boolean).join(" · ")}</span>
      </div>
      ${classNow(view, lane, now, running ? this.spread : "")}
      ${running && riders ? attentionList(view, alerts, now) : nothing}
      <div class="acts class-main">
        ${
          action
            ? html`<button
                class="btn primary"
                ?disabled=${!riders || this.busy}
                @click=${() => this.#say(action)}
                data-testid="class-next"
              >
                ${words}
              </button>`
            : ""
        }
        <button
          class="btn quiet danger"
          ?disabled=${this.busy}
          @click=${() => this.#dialog("end")?.showModal()}
          data-testid="class-end"
        >
          End the class
        </button>
      </div>
      ${classControls({ view, lane, causes: known?.causes, now, whom: this.whom, kind: this.kind }, this.#acts)}
      ${
        riders
          ? classTiles(this.hub, view, rows, alerts)
          : html`<p class="card empty">Nobody has taken a bike yet.</p>`
      }
      ${this.#dialogs(view, lane)}
    </section>`;
  }

  /**
   * Somebody else leads: their device may be gone, the class goes on, and anybody who may can lead it.
   * @param {import("../protocol.d.ts").CoachView | null | undefined} coach
   * @param {number} now
   */
  #lead(coach, now) {
    if (!coach || coach.you) return nothing;
    const words = coachAway(coach, now) || `${coach.name || "Somebody else"} leads this class.`;
    return banner(
      coach.away_since_ms ? "warn" : "note",
      words,
      html`<button
        class="btn"
        ?disabled=${this.busy}
        @click=${() => this.#say("take_over")}
        data-testid="take-over"
      >
        Take over
      </button>`,
      "leader",
    );
  }

  /** @type {import("./class_controls.js").ClassActs} */
  #acts = {
    say: (action, more) => this.#say(action, more),
    jump: () => openAtStep(this.#dialog("jump")),
    about: (whom) => (this.whom = whom),
    of: (kind) => (this.kind = kind),
  };

  /** @param {SessionView} view @param {import("../protocol.d.ts").LaneView | null} lane */
  #dialogs(view, lane) {
    const close = (/** @type {string} */ name) => () => this.#dialog(name)?.close();
    return html`<dialog data-name="jump" class="jump" aria-labelledby="jump-title">
        ${jumpList(lane ?? view.lanes[0], this.hub.clock.now(), (to) => (close("jump")(), this.#say("jump", { to })), close("jump"))}
      </dialog>
      <dialog data-name="end" aria-labelledby="end-title">
        <h2 id="end-title">End the class?</h2>
        <p>It ends for everybody, and every recording stops here. Riders can save theirs next.</p>
        <div class="acts">
          <button class="btn" @click=${close("end")}>Go on</button>
          <button
            class="btn primary"
            @click=${() => (close("end")(), this.#say("stop"))}
            data-testid="class-end-confirm"
          >
            End it
          </button>
        </div>
      </dialog>`;
  }

  /** @param {Action} action @param {More} [more] */
  #say(action, more = {}) {
    const { view, whom } = this;
    if (!view) return;
    const athlete = WHOLE.includes(action) ? "" : this.#meant(view, action, whom);
    this.attempt(async () => {
      const reply = await this.hub.control(view.session, action, { athlete, ...more });
      if (!reply.ok) throw new Error(reply.detail || "The hub refused this.");
    });
  }

  /** In a group the interval is everybody's, and nobody is named. @param {SessionView} view @param {Action} action @param {string} whom */
  #meant(view, action, whom) {
    if (action === "trim" || action === "message") return whom || EVERYBODY;
    return isAlone(view, whom) ? whom : "";
  }

  /** @param {string} name @returns {HTMLDialogElement | null} */
  #dialog(name) {
    return this.querySelector(`dialog[data-name=${name}]`);
  }
}

customElements.define("derny-class", DernyClass);
