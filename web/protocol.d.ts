// Written by web/protocol.py from the hub's own tables. Do not edit.

export interface Ack {
  t: "ack";
  n: number;
}

export type Action = "back" | "cool_down" | "dial" | "extend" | "free_trainer" | "jump" | "lap" | "message" | "pause" | "repeat" | "resume" | "retry_trainer" | "skip" | "start" | "stop" | "take_over" | "trim" | "undo";

export interface AdapterState {
  name: string;
  powered: boolean;
  problem?: string;
  adapter_id?: string;
  slots?: number;
  used?: number;
  free_slots?: number;
  connects_failing?: number;
  power_cycles?: number;
}

export type AskKind = "give_up" | "same_strap" | "strap" | "swapped" | "which_bike";

export interface AskView {
  ask: string;
  kind: AskKind;
  bikes?: Array<string>;
  name?: string;
  other?: string;
  athletes?: Array<string>;
  answered?: boolean;
}

export interface AthleteView {
  athlete: string;
  name: string;
  trim_pct: number;
  trims?: Record<string, number>;
  ftp_w?: number | null;
  ftp_assumed?: boolean;
  max_hr_bpm?: number | null;
  power_zones?: ZonesView | null;
  heart_zones?: ZonesView | null;
  weight_kg?: number | null;
  demo?: boolean;
  by_hand?: PowerTarget | FreeTarget | GradeTarget | ResistanceTarget | null;
  steered?: boolean;
  sources?: Record<string, Array<SourceView>>;
  trainer?: TrainerView | null;
  activity?: string;
}

export type BikeState = "free" | "taken" | "yours";

export interface BikeView {
  bike: string;
  name: string;
  state: BikeState;
  here?: boolean;
  moving?: boolean;
  athlete?: string;
  athlete_name?: string;
  sensors?: Array<string>;
}

export interface Bye {
  t: "bye";
  reason: string;
  retry_ms: number | null;
}

export interface Clock {
  t: "clock";
  sent_ms: number;
}

export interface ClockReply {
  t: "clock";
  sent_ms: number;
  received_ms: number;
  answered_ms: number;
}

export interface CoachView {
  name: string;
  away_since_ms?: number | null;
  you?: boolean;
  role?: string;
}

export interface Control {
  t: "control";
  key: string;
  session: string;
  action: Action;
  athlete?: string;
  trim_pct?: number | null;
  target?: PowerTarget | FreeTarget | GradeTarget | ResistanceTarget | null;
  kind?: string;
  to?: number | null;
  by_s?: number | null;
  text?: string;
}

export interface Cue {
  i: number;
  kind: CueKind;
  at_ms: number;
  name?: string;
  phase?: number;
  say?: boolean;
}

export type CueKind = "countdown" | "finish" | "message" | "phase" | "text";

export interface Error {
  t: "error";
  code: string;
  detail: string;
  channel?: string;
}

export interface Event {
  t: "event";
  channel: string;
  offset: number;
  body: Timeline | Lapped | Trimmed | Membership | SourceSwitched | TrainerChanged | Message | Finished;
}

export interface Fields {
  t: "fields";
  channel: string;
  fields: Array<string>;
  qualities: Array<Quality>;
}

export interface Finished {
  e: "finished";
  at_ms: number;
  cause: string;
  activities: Record<string, string>;
}

export interface Fired {
  t: "fired";
  session: string;
  lane: string;
  i: number;
  late_ms: number;
  bound_ms: number;
}

export interface FreeTarget {
  t: "free";
}

export interface Gap {
  t: "gap";
  channel: string;
}

export interface GatewayView {
  gateway: string;
  up: boolean;
  since_at_ms: number;
  adapters: Array<AdapterState>;
  reason?: string;
}

export interface GradeTarget {
  t: "grade";
  grade_pct: number;
  wind_mps?: number;
  crr?: number;
  cw_kg_m?: number;
}

export interface Hello {
  t: "hello";
  v: number;
  client: string;
  token?: string;
}

export interface LaneView {
  lane: string;
  status: string;
  rev: number;
  started_at_ms: number | null;
  paused_at_ms: number | null;
  ridden_ms: number;
  as_of_ms: number;
  phase: number;
  phases: Array<PhaseView>;
  cues: Array<Cue>;
  undo_until_at_ms?: number | null;
  auto_paused?: boolean;
}

export interface Lapped {
  e: "lap";
  athlete: string;
  at_ms: number;
  number: number;
}

export type LinkStatus = "absent" | "backoff" | "connecting" | "discovering" | "live" | "seen" | "silent" | "subscribing";

export interface Membership {
  e: "membership";
  athletes: Array<AthleteView>;
}

export interface Message {
  e: "message";
  text: string;
  at_ms: number;
  to?: string;
}

export type Metric = "cadence_rpm" | "heart_rate_bpm" | "power_w" | "speed_kmh";

export type Mode = "grade" | "power" | "resistance";

export interface PhaseView {
  i: number;
  name: string;
  kind: string;
  begins_at_ms: number;
  ends_at_ms: number | null;
  ridden_ms: number;
  duration_ms: number | null;
  target: TargetView;
  ramp_ms?: number;
  until?: string;
  until_amount?: number | null;
  ends_by_at_ms?: number | null;
  cadence_rpm?: [number, number] | null;
  set_index?: number;
  set_count?: number;
  texts?: Array<TextView>;
}

export interface PowerTarget {
  t: "power";
  power_w: number;
}

export interface Prefer {
  t: "prefer";
  key: string;
  athlete: string;
  metric: Metric;
  sensor_id?: string;
}

export interface Presence {
  t: "presence";
  channel: string;
  at_ms: number;
  coach?: CoachView | null;
  watchers?: Array<WatcherView>;
  watching?: number;
}

export type Quality = "aged" | "denied" | "gone" | "live" | "none" | "suspect";

export interface Refresh {
  t: "refresh";
  token: string;
}

export interface Refreshed {
  t: "refreshed";
  expires_at_ms: number;
}

export interface Reply {
  t: "reply";
  key: string;
  ok: boolean;
  code?: string;
  detail?: string;
  effect_at_ms?: number | null;
}

export interface ResistanceTarget {
  t: "resistance";
  level_pct: number;
}

export interface Resume {
  epoch: string;
  offset: number;
}

export interface SeatsState {
  t: "seats";
  at_ms: number;
  view: SeatsView;
}

export interface SeatsView {
  bikes: Array<BikeView>;
  asks?: Array<AskView>;
  session?: string;
  title?: string;
  asking_until_ms?: number | null;
  wanted?: string;
}

export type SensorKind = "cadence" | "cross_trainer" | "heart_rate" | "power" | "rower" | "run" | "speed" | "trainer" | "treadmill";

export interface SensorView {
  sensor: string;
  name: string;
  kinds: Array<SensorKind>;
  link: LinkStatus;
  gateway: string;
  seen_at_ms: number;
  rssi_dbm?: number | null;
  battery_pct?: number | null;
  model?: string;
  athlete?: string;
  athlete_name?: string;
  problem?: string;
  simulated?: boolean;
  last?: Record<string, number>;
  last_at_ms?: number;
  trainer?: TrainerStatus | null;
  read_only?: boolean;
  spin_down?: SpinDown | null;
  adapter?: string;
}

export interface SensorsState {
  t: "sensors";
  at_ms: number;
  view: SensorsView;
}

export interface SensorsView {
  sensors: Array<SensorView>;
  gateways: Array<GatewayView>;
  free_slots?: number | null;
}

export interface SessionView {
  session: string;
  title: string;
  workout: string;
  status: string;
  lanes: Array<LaneView>;
  athletes: Array<AthleteView>;
  demo?: boolean;
  activity?: string;
  open?: boolean;
  pace?: string;
  auto_start?: boolean;
  auto_pause?: boolean;
}

export interface Snapshot {
  t: "snapshot";
  channel: string;
  epoch: string;
  offset: number;
  session: SessionView;
}

export interface SourceSwitched {
  e: "source";
  athlete: string;
  metric: Metric;
  sensor_id: string;
  name: string;
  cause: string;
  at_ms: number;
}

export interface SourceView {
  sensor_id: string;
  name: string;
  chosen: boolean;
  preferred: boolean;
}

export interface SpinDown {
  phase: SpinDownPhase;
  speed_low_kmh?: number | null;
  speed_high_kmh?: number | null;
  spin_down_ms?: number | null;
  reason?: string;
}

export type SpinDownPhase = "coast" | "done" | "failed" | "requested" | "speed_up";

export interface State {
  t: "state";
  channel: string;
  n: number;
  at_ms: number;
  whole: boolean;
  rows: Array<Array<string | number | number | null>>;
}

export interface Subscribe {
  t: "subscribe";
  channel: string;
  rate_hz?: number;
  resume?: Resume | null;
  profile?: "" | "watch";
}

export interface TargetView {
  unit: string;
  low?: number | null;
  high?: number | null;
  end_low?: number | null;
  end_high?: number | null;
  effort?: [number, number] | null;
}

export interface TextView {
  at_ms: number;
  text: string;
  say?: boolean;
}

export interface Timeline {
  e: "timeline";
  lane: LaneView;
  cause: string;
}

export interface TrainerChanged {
  e: "trainer";
  athlete: string;
  trainer: TrainerView;
}

export type TrainerStatus = "elsewhere" | "following" | "free" | "holding_back" | "lost" | "requesting" | "unsteerable";

export interface TrainerView {
  sensor_id: string;
  name: string;
  status: TrainerStatus;
  reason?: string;
  follows_until_at_ms?: number | null;
  modes?: Array<Mode>;
  spin_down?: SpinDown | null;
  read_only?: boolean;
}

export interface Trimmed {
  e: "trim";
  athlete: string;
  trim_pct: number;
  kind?: string;
}

export interface Unsubscribe {
  t: "unsubscribe";
  channel: string;
}

export type WatchCue = [number, CueKind, number, string];

export interface WatchCues {
  t: "cues";
  rev: number;
  cues: Array<WatchCue>;
  more: boolean;
}

export interface WatchNumbers {
  t: "hr";
  n: number;
  at_ms: number;
  q: Quality;
  bpm?: number | null;
  zone?: number | null;
  power_w?: number | null;
  cadence_rpm?: number | null;
  low?: number | null;
  high?: number | null;
  dimension?: string | null;
}

export interface WatchSync {
  t: "sync";
  rev: number;
  hub_ms: number;
  status: string;
  name?: string;
  begins_at_ms?: number | null;
  ends_at_ms?: number | null;
  next?: string;
}

export interface WatcherView {
  name: string;
  role: string;
  devices: number;
}

export interface Welcome {
  t: "welcome";
  v: number;
  hub_ms: number;
  build: string;
  role: string;
  athlete: string;
  expires_at_ms: number;
}

export interface ZonesView {
  names: Array<string>;
  lows: Array<number>;
}

export type ToClient =
  | Welcome
  | Refreshed
  | Fields
  | State
  | Event
  | Snapshot
  | SensorsState
  | SeatsState
  | Presence
  | WatchSync
  | WatchCues
  | WatchNumbers
  | Gap
  | ClockReply
  | Reply
  | Error
  | Bye;

export type FromClient =
  | Hello
  | Subscribe
  | Unsubscribe
  | Ack
  | Fired
  | Clock
  | Refresh
  | Control
  | Prefer;

export type EventBody =
  | Timeline
  | Lapped
  | Trimmed
  | Membership
  | SourceSwitched
  | TrainerChanged
  | Message
  | Finished;

export type RowField = "athlete" | "power_w" | "power_w.at_ms" | "power_w.q" | "heart_rate_bpm" | "heart_rate_bpm.at_ms" | "heart_rate_bpm.q" | "cadence_rpm" | "cadence_rpm.at_ms" | "cadence_rpm.q" | "speed_kmh" | "speed_kmh.at_ms" | "speed_kmh.q" | "power_3s_w" | "power_zone" | "heart_rate_zone" | "target_w" | "phase" | "target_dimension" | "target_low" | "target_high" | "next_dimension" | "next_low" | "next_high" | "until_left" | "interval_average_w" | "weighted_power_w" | "on_target_pct" | "held_w" | "held_why" | "held_brief" | "work_kj" | "distance_m";
