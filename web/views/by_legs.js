// @ts-check
/** Whether pedalling starts a ride, and standing pauses it: the rider's choice, kept on this device. */

import { html } from "lit";

const KEPT = "derny.by_legs";

/** @typedef {{auto_start?: boolean, auto_pause?: boolean}} ByLegs */

/** @type {[keyof ByLegs, string][]} */
const CHOICES = [
  ["auto_start", "Start when I pedal"],
  ["auto_pause", "Pause when I stop"],
];

/** @returns {ByLegs} only what is on */
export function byLegs() {
  const kept = (localStorage.getItem(KEPT) ?? "").split(" ");
  return Object.fromEntries(CHOICES.filter(([name]) => kept.includes(name)).map(([n]) => [n, true]));
}

/** @param {() => void} changed */
export function byLegsChoice(changed) {
  const chosen = byLegs();
  const toggle = (/** @type {keyof ByLegs} */ name) => {
    const wanted = { ...chosen, [name]: !chosen[name] };
    const on = CHOICES.map(([one]) => one).filter((one) => wanted[one]);
    localStorage.setItem(KEPT, on.join(" "));
    changed();
  };
  return html`<div class="by-legs" role="group" aria-label="By pedalling">
    ${CHOICES.map(
      ([name, words]) =>
        html`<button
          class="btn"
          aria-pressed=${!!chosen[name]}
          @click=${() => toggle(name)}
          data-testid=${name}
        >
          <i aria-hidden="true"></i>${words}
        </button>`,
    )}
  </div>`;
}
