// @ts-check
/** Heart rate and cadence. */

import { html } from "lit";
import { whole } from "../format.js";
import { boundsOf } from "../zones.js";
import { heartPill, icon, noteOf } from "./parts.js";
import { derived, measured } from "./scene.js";

/** @typedef {import("./scene.js").Scene} Scene */

/** @param {Scene} scene @param {number} max_bpm highest of this ride; 0: none yet */
export function heartCard(scene, max_bpm) {
  const heart = measured(scene, "heart_rate_bpm");
  const zones = scene.rider.heart_zones;
  const zone = heart.value === null ? 0 : (derived(scene, "heart_rate_zone") ?? 0);
  const facts = [boundsOf(zones, zone), max_bpm ? `max ${max_bpm}` : ""].filter(Boolean);
  return card("heart", "Heart rate", heart, facts.join(" · ") || "bpm", heartPill(zone, zones));
}

/** @param {Scene} scene */
export function cadenceCard(scene) {
  const cadence = measured(scene, "cadence_rpm");
  const range = scene.at.phase?.cadence_rpm;
  const wanted = range ? `target ${range[0] === range[1] ? range[0] : range.join("–")}` : "rpm";
  return card("cadence", "Cadence", cadence, wanted, "");
}

/**
 * @param {string} id
 * @param {string} name
 * @param {ReturnType<typeof measured>} one
 * @param {string} facts shown while there is nothing to say about the number's age
 * @param {unknown} pill
 */
function card(id, name, one, facts, pill) {
  return html`<section
    class="card metric"
    data-testid=${id}
    data-quality=${one.quality}
    aria-label=${name}
  >
    <div class="hd"><span class="lbl">${name}</span>${pill}</div>
    <span class="num ${one.quality}" data-testid="${id}-value">${one.quality === "denied" ? icon("lock") : whole(one.value)}</span>
    <span class="meta" data-testid="${id}-note">${one.note ? noteOf(one) : facts}</span>
  </section>`;
}
