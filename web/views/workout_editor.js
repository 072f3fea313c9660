// @ts-check
/** A workout to change: its name, and its steps in their order, with repeats in repeats. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { roughly } from "../format.js";
import {
  STEPS_MAX,
  TIMES_MAX,
  canMove,
  copied,
  count,
  fold,
  isLoop,
  loopOf,
  moved,
  replaced,
  unroll,
} from "../step_tree.js";
import { POWER_ZONE_LOW_PCT } from "../constants.js";
import { nameOf, stepWords } from "../words_steps.js";
import { phaseZone } from "../timeline.js";
import { HubElement } from "./element.js";
import { icon, miniProfile, zonePill } from "./parts.js";
import { stepFields } from "./step_fields.js";

/** @typedef {import("../shapes.d.ts").WorkoutStep} WorkoutStep */
/** @typedef {import("../shapes.d.ts").WorkoutContent} WorkoutContent */
/** @typedef {import("../step_tree.js").Node} Node */
/** @typedef {import("../step_tree.js").Loop} Loop */

const NEW_STEP = {
  name: "",
  kind: "work",
  until: { t: "time", duration_ms: 300_000 },
  target: { t: /** @type {const} */ ("aim"), unit: "ftp", low: 0.75, high: 0.75 },
};

/** Events: `save` with the content as it is now, `cancel`. */
class DernyWorkoutEditor extends HubElement {
  static properties = {
    content: { attribute: false },
    ftp_w: { attribute: false },
    busy: { type: Boolean },
    nodes: { state: true },
    open: { state: true },
    said: { state: true },
  };

  constructor() {
    super();
    this.content = /** @type {WorkoutContent} */ ({ name: "", steps: [] });
    /** @type {number | null} for the picture's heights */
    this.ftp_w = null;
    this.busy = false;
    /** @type {Node[]} */
    this.nodes = [];
    /** @type {Node | null} whose fields are shown */
    this.open = null;
    /** Where what was moved is now, for who does not see it. */
    this.said = "";
    /** @type {WeakMap<object, number>} of steps and repeats, while they move */
    this.keys = new WeakMap();
    this.lastKey = 0;
    /** What shall have the focus after a move, as a selector. */
    this.focusOn = "";
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.has("content")) return;
    this.nodes = fold(this.content.steps);
    this.open = null;
  }

  updated() {
    super.updated();
    if (!this.focusOn) return;
    const wanted = /** @type {HTMLElement | null} */ (this.querySelector(this.focusOn));
    this.focusOn = "";
    wanted?.focus();
  }

  /** A number for an element, the same while its step or repeat is changed and moved. @param {Node} node */
  #key(node) {
    const what = isLoop(node) ? node.key : node.step;
    const known = this.keys.get(what);
    if (known) return known;
    this.lastKey += 1;
    this.keys.set(what, this.lastKey);
    return this.lastKey;
  }

  render() {
    const steps = unroll(this.nodes);
    const all = steps.length;
    return html`<form
      class="card edit"
      @submit=${(/** @type {SubmitEvent} */ event) => this.#save(event)}
      @keydown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && this.#keep(event)}
      data-testid="edit-form"
    >
      <label class="field"
        ><span>Name</span
        ><input name="name" required maxlength="200" .value=${this.content.name} autocomplete="off"
      /></label>
      <label class="field"
        ><span>Description</span
        ><textarea name="description" rows="2" maxlength="5000" .value=${this.content.description ?? ""}></textarea>
      </label>
      ${miniProfile(steps.map(drawn), this.ftp_w)}
      <p class="meta" data-testid="edit-sum">${sumWords(steps)}</p>
      ${this.#list(this.nodes)}
      <div class="acts">
        <button class="btn" type="button" ?disabled=${all >= STEPS_MAX} @click=${() => this.#add()} data-testid="add-step">
          Add a step
        </button>
      </div>
      ${all > STEPS_MAX ? html`<p class="wrong" role="alert">A workout has up to ${STEPS_MAX} steps; these are ${all}.</p>` : nothing}
      <p class="vh" role="status">${this.said}</p>
      <div class="acts end">
        <span class="sp"></span>
        <button class="btn quiet" type="button" @click=${() => this.dispatchEvent(new CustomEvent("cancel"))}>
          Cancel
        </button>
        <button class="btn primary" ?disabled=${this.busy || all > STEPS_MAX} data-testid="save">Save</button>
      </div>
    </form>`;
  }

  /** @param {Node[]} nodes @returns {unknown} */
  #list(nodes) {
    return html`<ol class="edit-steps">
      ${repeat(
        nodes,
        (node) => this.#key(node),
        (node) => (isLoop(node) ? this.#loop(node) : this.#step(node)),
      )}
    </ol>`;
  }

  /** @param {import("../step_tree.js").Leaf} node */
  #step(node) {
    const { step } = node;
    const open = this.open === node;
    return html`<li class="leaf ${open ? "open" : ""}" data-node=${this.#key(node)} data-testid="step">
      <div class="head">
        <button
          class="open-step"
          type="button"
          aria-expanded=${open}
          @click=${() => (this.open = open ? null : node)}
          @keydown=${(/** @type {KeyboardEvent} */ event) => this.#byKey(event, node)}
          data-testid="step-open"
        >
          ${zonePill(phaseZone(drawn(step), this.ftp_w))}<span class="who"
            ><b>${nameOf(step)}</b><span class="meta">${stepWords(step)}</span></span
          >
        </button>
        ${this.#movers(node, nameOf(step))}
      </div>
      ${
        open
          ? html`<div class="body" role="group" aria-label=${nameOf(step)}>
              ${stepFields(step, (changed) => this.#change(node, changed))}
              <div class="acts">${this.#acts(node, nameOf(step))}</div>
            </div>`
          : nothing
      }
    </li>`;
  }

  /** @param {Loop} node */
  #loop(node) {
    const name = `Repeat of ${count(node.nodes)}`;
    return html`<li class="loop" data-node=${this.#key(node)} data-testid="loop">
      <div class="head">
        <label class="times"
          ><input
            type="number"
            required
            min="2"
            max=${TIMES_MAX}
            step="1"
            inputmode="numeric"
            .value=${String(node.times)}
            @change=${(/** @type {Event} */ event) => this.#times(event, node)}
            data-testid="times"
          /><span>times</span></label
        >
        <span class="sp"></span>
        ${this.#movers(node, name)}
      </div>
      ${this.#list(node.nodes)}
      <div class="acts">
        ${this.#acts(node, name)}
        <button class="btn quiet" type="button" @click=${() => this.#become(node, node.nodes)} data-testid="dissolve">
          Only once
        </button>
      </div>
    </li>`;
  }

  /** @param {Node} node @param {string} name */
  #movers(node, name) {
    return [-1, 1].map((by) => {
      const words = by < 0 ? "up" : "down";
      return html`<button
        class="ib ${words}"
        type="button"
        ?disabled=${!canMove(this.nodes, node, /** @type {-1 | 1} */ (by))}
        aria-label=${`Move ${name} ${words}`}
        @click=${() => this.#move(node, /** @type {-1 | 1} */ (by), `.${words}`)}
        data-testid=${`step-${words}`}
      >
        ${icon(/** @type {import("./parts.js").IconName} */ (words))}
      </button>`;
    });
  }

  /** @param {Node} node @param {string} name */
  #acts(node, name) {
    const last = count(this.nodes) === count([node]) && this.nodes.length === 1;
    const full = count(this.nodes) + count([node]) > STEPS_MAX;
    return html`<button
        class="btn quiet"
        type="button"
        ?disabled=${full}
        aria-label=${`Duplicate ${name}`}
        @click=${() => this.#become(node, [node, copied(node)])}
        data-testid="duplicate"
      >
        Duplicate
      </button>
      <button
        class="btn quiet"
        type="button"
        ?disabled=${full}
        aria-label=${`Repeat ${name}`}
        @click=${() => this.#become(node, [loopOf(2, [node])])}
        data-testid="wrap"
      >
        Repeat
      </button>
      <button
        class="btn quiet danger"
        type="button"
        ?disabled=${last}
        aria-label=${`Take ${name} away`}
        @click=${() => this.#become(node, [])}
        data-testid="remove"
      >
        Take away
      </button>`;
  }

  // Changing

  /** @param {import("../step_tree.js").Leaf} node @param {Partial<WorkoutStep>} changed */
  #change(node, changed) {
    Object.assign(node.step, changed);
    for (const [name, value] of Object.entries(changed)) {
      if (value === undefined) delete node.step[/** @type {"cadence"} */ (name)];
    }
    this.requestUpdate();
  }

  /** @param {Event} event @param {Loop} node */
  #times(event, node) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    if (!input.reportValidity()) return;
    node.times = Number(input.value);
    this.requestUpdate();
  }

  /** @param {Node} node @param {Node[]} others */
  #become(node, others) {
    this.nodes = replaced(this.nodes, node, others);
    const next = others.at(-1);
    this.open = next && !isLoop(next) && others.length > 1 ? next : this.open;
  }

  #add() {
    const node = { step: structuredClone(NEW_STEP) };
    this.nodes = [...this.nodes, node];
    this.open = node;
    this.focusOn = `[data-node="${this.#key(node)}"] .open-step`;
  }

  /** Lit moves the element, and the focus goes with it. @param {Node} node @param {-1 | 1} by @param {string} button */
  #move(node, by, button) {
    if (!canMove(this.nodes, node, by)) return;
    this.nodes = moved(this.nodes, node, by);
    const other = button === ".up" ? ".down" : ".up";
    const at = canMove(this.nodes, node, by) || button === ".open-step" ? button : other;
    this.focusOn = `[data-node="${this.#key(node)}"] > .head ${at}`;
    const steps = unroll(this.nodes);
    const first = isLoop(node) ? unroll([node])[0] : node.step;
    this.said = `Now step ${steps.indexOf(first) + 1} of ${steps.length}`;
  }

  /** Alt and an arrow move the step whose line has the focus. @param {KeyboardEvent} event @param {Node} node */
  #byKey(event, node) {
    const by = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined;
    if (!by) return;
    event.preventDefault();
    this.#move(node, /** @type {-1 | 1} */ (by), ".open-step");
  }

  /** Enter in a field ends its typing, and does not save the workout. @param {KeyboardEvent} event */
  #keep(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (!(target instanceof HTMLInputElement) || target.type === "checkbox") return;
    event.preventDefault();
    target.blur();
  }

  /** @param {SubmitEvent} event */
  #save(event) {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const detail = {
      ...this.content,
      name: String(data.get("name")).trim(),
      description: String(data.get("description")),
      steps: unroll(this.nodes),
    };
    this.dispatchEvent(new CustomEvent("save", { detail }));
  }
}

/**
 * A step as a lane's phases are drawn; what only the hub can reckon stands without a zone.
 * @param {WorkoutStep} step
 * @returns {import("../timeline.js").Aimed & {duration_ms: number | null}}
 */
function drawn({ until, target, at_most_ms }) {
  const duration_ms = until.duration_ms ?? at_most_ms ?? null;
  if (target.t === "max") return { duration_ms, target: { unit: "max", effort: [1.6, 1.6] } };
  if (target.t !== "aim") return { duration_ms, target: { unit: "free" } };
  const { unit, low, high, end_low = low, end_high = high } = target;
  const ends = [(low + high) / 2, (end_low + end_high) / 2];
  if (unit === "power_zone") return { duration_ms, target: { unit, effort: [inZone(ends[0]), inZone(ends[1])] } };
  if (unit === "ftp") return { duration_ms, target: { unit, effort: [ends[0], ends[1]] } };
  return { duration_ms, target: unit === "w" ? target : { unit: "free" } };
}

/** The middle of a power zone as a share of FTP. @param {number} zone */
function inZone(zone) {
  const low = POWER_ZONE_LOW_PCT[Math.floor(zone) - 1] ?? 0;
  const above = POWER_ZONE_LOW_PCT[Math.floor(zone)] ?? low * 1.1;
  return (low + above) / 200;
}

/** @param {WorkoutStep[]} steps */
function sumWords(steps) {
  const ms = steps.reduce((sum, { until }) => sum + (until.duration_ms ?? 0), 0);
  const open = steps.some(({ until }) => until.t !== "time");
  const number = steps.length === 1 ? "1 step" : `${steps.length} steps`;
  return [number, ms ? roughly(ms) : "", open ? "and steps without a set time" : ""].filter(Boolean).join(" · ");
}

customElements.define("derny-workout-editor", DernyWorkoutEditor);
