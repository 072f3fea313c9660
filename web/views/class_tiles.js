// @ts-check
/** The riders of a session with their live numbers: a class at a glance. */

import { html, nothing } from "lit";
import { whole } from "../format.js";
import { reading } from "../reading.js";
import { colourOf, countOf } from "../zones.js";
import { heartPill, zonePill } from "./parts.js";
import { heldInBrief } from "./scene.js";

/**
 * @param {import("../hub.js").Hub} hub
 * @param {import("../protocol.d.ts").SessionView} view
 * @param {Map<string, import("../store.js").Row>} rows
 */
export function classTiles(hub, view, rows) {
  const now = hub.clock.now();
  return html`<div class="riders">
    ${view.athletes.map((one) => {
      const row = rows.get(one.athlete);
      const power = reading(row, "power_w", now, "power_3s_w");
      const heart = reading(row, "heart_rate_bpm", now);
      const cadence = reading(row, "cadence_rpm", now);
      const zone = power.value === null ? 0 : Number(row?.power_zone ?? 0);
      const heart_zone = heart.value === null ? 0 : Number(row?.heart_rate_zone ?? 0);
      const held = heldInBrief(row);
      return html`<a
        class="tile"
        data-z=${colourOf(zone, countOf(one.power_zones))}
        href=${`#/ride/${view.session}/${one.athlete}`}
        data-testid="rider"
      >
        <span class="row"><b>${one.name}</b>${zonePill(zone, one.power_zones)}</span>
        <span class="pw ${power.quality}"
          ><span class="num" data-testid="rider-power">${whole(power.value)}</span>
          <span class="unit">W</span></span
        >
        <span class="row small"
          ><span class="hr ${heart.quality}"
            ><b>${whole(heart.value)}</b>
            <span class=${heart_zone && one.heart_zones ? "vh" : ""}>bpm</span>
            ${heartPill(heart_zone, one.heart_zones)}</span
          ><span class=${cadence.quality}><b>${whole(cadence.value)}</b> rpm</span></span
        >
        ${held ? html`<span class="row small held" data-testid="held">${held}</span>` : nothing}
      </a>`;
    })}
  </div>`;
}
