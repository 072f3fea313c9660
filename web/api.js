// @ts-check
/** The hub's JSON API. Every failure is an ApiError whose text can be shown as it is. */

/** @typedef {import("./shapes.d.ts").Me} Me */
/** @typedef {import("./shapes.d.ts").Athlete} Athlete */
/** @typedef {import("./shapes.d.ts").Activity} Activity */
/** @typedef {import("./protocol.d.ts").SessionView} SessionView */

const TIMEOUT_MS = 10_000;

export class ApiError extends Error {
  /**
   * @param {number} status 0: the hub was not reached
   * @param {string} code
   * @param {string} detail
   * @param {Record<string, any> | null} [body] all that the hub said
   */
  constructor(status, code, detail, body = null) {
    super(detail);
    this.status = status;
    this.code = code;
    this.body = body;
  }
}

/** A file goes as it stands. @param {unknown} body @returns {RequestInit} */
function carried(body) {
  if (body === undefined) return {};
  if (body instanceof Blob) return { body };
  return { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/**
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<T>}
 */
async function call(method, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...carried(body),
    });
  } catch {
    throw new ApiError(0, "unreachable", "The hub does not answer. Is `derny up` running?");
  }
  const text = await response.text();
  const json =
    text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : null;
  if (response.ok) return json;
  throw new ApiError(
    response.status,
    json?.code ?? "failed",
    json?.detail ?? `The hub refused this (${response.status}).`,
    json,
  );
}

const workoutPath = (/** @type {string} */ id) => `/api/library/${encodeURIComponent(id)}`;

/** @param {string} athlete @param {string} sport @param {string} valid_from */
function thresholdsPath(athlete, sport, valid_from) {
  return `/api/athletes/${encodeURIComponent(athlete)}/thresholds/${sport}/${valid_from}`;
}

/** @param {string} athlete @param {string} [grantee] */
function grantsPath(athlete, grantee) {
  const all = `/api/athletes/${encodeURIComponent(athlete)}/grants`;
  return grantee === undefined ? all : `${all}/${encodeURIComponent(grantee)}`;
}

export const api = {
  login: (/** @type {string} */ token) => call("POST", "/api/login", { token }),
  /** The sign-in lasts longer. */
  renew: () => call("POST", "/api/renew"),
  me: () => /** @type {Promise<Me>} */ (call("GET", "/api/me")),
  saveMe: (/** @type {import("./shapes.d.ts").Profile} */ profile) =>
    /** @type {Promise<Athlete>} */ (call("PUT", "/api/me", profile)),
  sensors: () =>
    /** @type {Promise<import("./shapes.d.ts").Sensors>} */ (call("GET", "/api/sensors")),
  rescan: (/** @type {string} */ gateway) =>
    call("POST", `/api/gateways/${encodeURIComponent(gateway)}/rescan`),
  assign: (/** @type {string} */ sensor, /** @type {string} */ athlete, swap = false) =>
    call(
      "PUT",
      `/api/assignments/${encodeURIComponent(sensor)}`,
      swap ? { athlete, swap } : { athlete },
    ),
  release: (/** @type {string} */ sensor) =>
    call("DELETE", `/api/assignments/${encodeURIComponent(sensor)}`),
  calibrate: (/** @type {string} */ sensor) =>
    call("POST", `/api/trainers/${encodeURIComponent(sensor)}/calibration`),
  endCalibration: (/** @type {string} */ sensor) =>
    call("DELETE", `/api/trainers/${encodeURIComponent(sensor)}/calibration`),
  identify: (/** @type {string} */ sensor) =>
    call("POST", `/api/trainers/${encodeURIComponent(sensor)}/identify`),
  onlyListen: (/** @type {string} */ sensor, /** @type {boolean} */ read_only) =>
    call("PUT", `/api/trainers/${encodeURIComponent(sensor)}`, { read_only }),
  newBike: (/** @type {import("./shapes.d.ts").NewBike} */ bike) => call("POST", "/api/bikes", bike),
  saveBike: (
    /** @type {string} */ id,
    /** @type {import("./shapes.d.ts").NewBike} */ bike,
  ) => call("PUT", `/api/bikes/${encodeURIComponent(id)}`, bike),
  removeBike: (/** @type {string} */ id) => call("DELETE", `/api/bikes/${encodeURIComponent(id)}`),
  sit: (/** @type {string} */ bike, /** @type {{key: string, swap?: boolean}} */ how) =>
    /** @type {Promise<{bike: string, asked: boolean}>} */ (
      call("PUT", `/api/bikes/${encodeURIComponent(bike)}/rider`, how)
    ),
  leave: (/** @type {string} */ bike) =>
    call("DELETE", `/api/bikes/${encodeURIComponent(bike)}/rider`),
  askForBike: () => call("PUT", "/api/bikes/asking", {}),
  stopAsking: () => call("DELETE", "/api/bikes/asking"),
  answer: (/** @type {string} */ ask, /** @type {boolean} */ yes, bike = "") =>
    call("POST", `/api/asks/${encodeURIComponent(ask)}`, { yes, bike }),
  join: (/** @type {{bike: string, name: string, ftp_w: number | null}} */ guest) =>
    /** @type {Promise<{bike: string}>} */ (call("POST", "/api/join", guest)),
  openClass: (/** @type {import("./shapes.d.ts").NewSession} */ wanted) =>
    /** @type {Promise<SessionView>} */ (call("POST", "/api/sessions", wanted)),
  /** @param {Record<string, string>} [search] see docs/reference/http.md */
  library: (search = {}) =>
    /** @type {Promise<{total: number, workouts: import("./shapes.d.ts").Workout[]}>} */ (
      call("GET", `/api/library?${new URLSearchParams(search)}`)
    ),
  workout: (/** @type {string} */ id) =>
    /** @type {Promise<import("./shapes.d.ts").KeptWorkout>} */ (call("GET", workoutPath(id))),
  workoutPreview: (/** @type {string} */ id, trim_pct = 100) =>
    /** @type {Promise<import("./shapes.d.ts").Preview>} */ (
      call("GET", `${workoutPath(id)}/preview?trim_pct=${trim_pct}`)
    ),
  workoutFormats: (/** @type {string} */ id) =>
    /** @type {Promise<import("./shapes.d.ts").WorkoutFormat[]>} */ (
      call("GET", `${workoutPath(id)}/formats`)
    ),
  workoutFile: (/** @type {string} */ id, /** @type {string} */ format) =>
    `${workoutPath(id)}/file?format=${format}`,
  upload: (/** @type {File} */ file, /** @type {string} */ key) =>
    /** @type {Promise<import("./shapes.d.ts").KeptWorkout>} */ (
      call("POST", `/api/library/upload?${new URLSearchParams({ file: file.name, key })}`, file)
    ),
  keepWorkout: (
    /** @type {import("./shapes.d.ts").WorkoutContent} */ workout,
    /** @type {string} */ key,
  ) =>
    /** @type {Promise<import("./shapes.d.ts").KeptWorkout>} */ (
      call("POST", "/api/library", { key, workout })
    ),
  editWorkout: (
    /** @type {string} */ id,
    /** @type {number} */ base,
    /** @type {import("./shapes.d.ts").WorkoutContent} */ workout,
    /** @type {string} */ key,
  ) =>
    /** @type {Promise<import("./shapes.d.ts").KeptWorkout>} */ (
      call("PUT", workoutPath(id), { key, base, workout })
    ),
  deleteWorkout: (/** @type {string} */ id) => call("DELETE", workoutPath(id)),
  thresholds: (/** @type {string} */ athlete) =>
    /** @type {Promise<import("./shapes.d.ts").ThresholdBook>} */ (
      call("GET", `/api/athletes/${encodeURIComponent(athlete)}/thresholds`)
    ),
  saveThresholds: (
    /** @type {string} */ athlete,
    /** @type {string} */ sport,
    /** @type {string} */ valid_from,
    /** @type {import("./shapes.d.ts").NewFigures} */ figures,
  ) =>
    /** @type {Promise<import("./shapes.d.ts").ThresholdBook>} */ (
      call("PUT", thresholdsPath(athlete, sport, valid_from), figures)
    ),
  forgetThresholds: (
    /** @type {string} */ athlete,
    /** @type {string} */ sport,
    /** @type {string} */ valid_from,
  ) =>
    /** @type {Promise<import("./shapes.d.ts").ThresholdBook>} */ (
      call("DELETE", thresholdsPath(athlete, sport, valid_from))
    ),
  grants: (/** @type {string} */ athlete) =>
    /** @type {Promise<import("./shapes.d.ts").Grant[]>} */ (call("GET", grantsPath(athlete))),
  share: (
    /** @type {string} */ athlete,
    /** @type {string} */ grantee,
    /** @type {import("./shapes.d.ts").GrantPart[]} */ parts,
    /** @type {number | null} */ until_ms, // hub time; null: until it is taken back
  ) => call("PUT", grantsPath(athlete, grantee), { parts, until_ms }),
  unshare: (/** @type {string} */ athlete, /** @type {string} */ grantee) =>
    call("DELETE", grantsPath(athlete, grantee)),
  /** How well a session's newest cues were kept, oldest first. @param {string} session */
  cues: (session) =>
    /** @type {Promise<import("./shapes.d.ts").CueSpread[]>} */ (
      call("GET", `/api/sessions/${encodeURIComponent(session)}/cues`)
    ),
  sessions: () => /** @type {Promise<SessionView[]>} */ (call("GET", "/api/sessions")),
  newSession: (
    /** @type {string | null} */ workout,
    /** @type {{auto_start?: boolean, auto_pause?: boolean}} */ auto = {},
  ) => /** @type {Promise<SessionView>} */ (call("POST", "/api/sessions", { workout, ...auto })),
  activities: () => /** @type {Promise<Activity[]>} */ (call("GET", "/api/activities")),
  activity: (/** @type {string} */ id) =>
    /** @type {Promise<Activity>} */ (call("GET", `/api/activities/${id}`)),
  streams: (/** @type {string} */ id) =>
    /** @type {Promise<import("./shapes.d.ts").Streams>} */ (
      call("GET", `/api/activities/${id}/streams`)
    ),
  saveActivity: (/** @type {string} */ id, /** @type {Partial<Activity>} */ changes) =>
    /** @type {Promise<Activity>} */ (call("PATCH", `/api/activities/${id}`, changes)),
  discard: (/** @type {string} */ id) => call("DELETE", `/api/activities/${id}`),
  resumeActivity: (/** @type {string} */ id) =>
    /** @type {Promise<SessionView>} */ (call("POST", `/api/activities/${id}/resume`)),
  ftpProposal: (/** @type {string} */ id) =>
    /** @type {Promise<import("./shapes.d.ts").FtpProposal>} */ (
      call("GET", `/api/activities/${id}/ftp`)
    ),
  /** `since`: a day, from which on rides are measured by it; `decline`: keep what was. */
  answerFtp: (
    /** @type {string} */ id,
    /** @type {{ftp_w: number, since?: string, decline?: boolean}} */ answer,
  ) =>
    /** @type {Promise<import("./shapes.d.ts").FtpProposal>} */ (
      call("PUT", `/api/activities/${id}/ftp`, answer)
    ),
  fitUrl: (/** @type {string} */ id) => `/api/activities/${id}/file.fit`,
  demo: () => call("POST", "/api/demo"),
};
