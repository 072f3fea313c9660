// @ts-check
/**
 * What the hub last said, newest wins. Events: `change` once per frame and not while hidden, for
 * what is drawn; `rows` and `told` at once, for what goes on unseen (trace, tones, notices).
 */

/** @typedef {import("./protocol.d.ts").ToClient} ToClient */
/** @typedef {import("./protocol.d.ts").SessionView} SessionView */
/** @typedef {import("./protocol.d.ts").Quality} Quality */
/** @typedef {Record<string, string | number | null>} Row fields by name, qualities as words */
/**
 * @typedef {object} Session
 * @property {SessionView | null} view
 * @property {string[]} fields
 * @property {Quality[]} qualities
 * @property {Map<string, Row>} rows by athlete
 * @property {import("./protocol.d.ts").Finished | null} finished
 * @property {Map<string, string>} causes what somebody did last, by lane
 * @property {import("./protocol.d.ts").Presence | null} presence who else looks
 */

export class Store extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Session>} by channel */
    this.sessions = new Map();
    /** @type {import("./protocol.d.ts").SensorsView | null} */
    this.sensors = null;
    /** @type {import("./protocol.d.ts").SeatsView | null} */
    this.seats = null;
    /** @type {import("./wire.js").WireStatus} */
    this.status = "connecting";
    this.role = "";
    this.athlete = "";
    /** @type {Map<string, string>} refusals by channel */
    this.refused = new Map();
    this.due = false;
    document.addEventListener("visibilitychange", () => document.hidden || this.touch());
  }

  /** @param {string} session */
  session(session) {
    return this.sessions.get(`session:${session}`) ?? null;
  }

  /** Forgets a channel that nobody watches. @param {string} channel */
  drop(channel) {
    this.sessions.delete(channel);
    this.refused.delete(channel);
  }

  /** @param {import("./wire.js").WireStatus} status */
  become(status) {
    this.status = status;
    this.touch();
  }

  /** @param {ToClient} message */
  take(message) {
    switch (message.t) {
      case "welcome":
        this.role = message.role;
        this.athlete = message.athlete;
        break;
      case "fields":
        Object.assign(this.#at(message.channel), {
          fields: message.fields,
          qualities: message.qualities,
        });
        break;
      case "state":
        this.#rows(message);
        break;
      case "snapshot":
        this.refused.delete(message.channel);
        this.#at(message.channel).view = message.session;
        break;
      case "event":
        this.#event(message);
        break;
      case "presence":
        this.#at(message.channel).presence = message;
        break;
      case "sensors":
        this.sensors = message.view;
        break;
      case "seats":
        this.seats = message.view;
        break;
      case "error":
        if (message.channel) this.refused.set(message.channel, message.detail);
        break;
      default:
        return;
    }
    this.touch();
  }

  /** Tells the views in the next frame, however many messages come until then. */
  touch() {
    if (this.due || document.hidden) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  /** @param {string} channel @returns {Session} */
  #at(channel) {
    let known = this.sessions.get(channel);
    if (!known) {
      known = { view: null, fields: [], qualities: [], rows: new Map(), finished: null, causes: new Map(), presence: null };
      this.sessions.set(channel, known);
    }
    return known;
  }

  /** @param {import("./protocol.d.ts").State} message */
  #rows(message) {
    const session = this.#at(message.channel);
    if (message.whole) session.rows.clear();
    for (const values of message.rows) {
      /** @type {Row} */
      const row = {};
      session.fields.forEach((name, i) => {
        row[name] = name.endsWith(".q") ? session.qualities[Number(values[i])] : values[i];
      });
      session.rows.set(String(row.athlete), row);
    }
    this.dispatchEvent(new Event("rows"));
  }

  /** @param {import("./protocol.d.ts").Event} message */
  #event(message) {
    const session = this.#at(message.channel);
    const { body } = message;
    if (session.view) session.view = applied(session.view, body);
    if (body.e === "finished") session.finished = body;
    if (body.e === "timeline" && body.cause !== "phase") session.causes.set(body.lane.lane, body.cause);
    this.dispatchEvent(new CustomEvent("told", { detail: { channel: message.channel, body } }));
  }
}

/**
 * The view after one event.
 * @param {SessionView} view
 * @param {import("./protocol.d.ts").EventBody} body
 * @returns {SessionView}
 */
export function applied(view, body) {
  switch (body.e) {
    case "timeline": {
      const { lane } = body;
      const known = view.lanes.some((old) => old.lane === lane.lane);
      const lanes = known
        ? view.lanes.map((old) => (old.lane === lane.lane && lane.rev >= old.rev ? lane : old))
        : [...view.lanes, lane];
      return { ...view, lanes, status: statusOf(lanes) };
    }
    case "trim":
      return withAthlete(view, body.athlete, (one) =>
        body.kind
          ? { ...one, trims: { ...one.trims, [body.kind]: body.trim_pct } }
          : { ...one, trim_pct: body.trim_pct },
      );
    case "trainer":
      return withAthlete(view, body.athlete, (one) => ({ ...one, trainer: body.trainer }));
    case "source":
      return withAthlete(view, body.athlete, (one) => ({
        ...one,
        sources: chosen(one.sources ?? {}, body),
      }));
    case "membership":
      return { ...view, athletes: body.athletes };
    case "finished":
      return { ...view, status: "finished" };
    default:
      return view;
  }
}

/** A session runs where any lane runs. @param {import("./protocol.d.ts").LaneView[]} lanes */
function statusOf(lanes) {
  const states = lanes.map((lane) => lane.status);
  return ["running", "paused", "ready"].find((one) => states.includes(one)) ?? "finished";
}

/**
 * @param {SessionView} view
 * @param {string} athlete "": everybody
 * @param {(one: import("./protocol.d.ts").AthleteView) => import("./protocol.d.ts").AthleteView} change
 */
function withAthlete(view, athlete, change) {
  return {
    ...view,
    athletes: view.athletes.map((one) => (!athlete || one.athlete === athlete ? change(one) : one)),
  };
}

/**
 * @param {Record<string, import("./protocol.d.ts").SourceView[]>} sources
 * @param {import("./protocol.d.ts").SourceSwitched} body
 */
function chosen(sources, body) {
  const list = (sources[body.metric] ?? []).map((one) => ({
    ...one,
    chosen: one.sensor_id === body.sensor_id,
    preferred: body.cause === "chosen" ? one.sensor_id === body.sensor_id : one.preferred,
  }));
  return { ...sources, [body.metric]: list };
}
