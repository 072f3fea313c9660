// The shapes of the hub's JSON API that this client uses.

import type { GatewayView, Metric, SensorView, SessionView, ZonesView } from "./protocol.d.ts";

export interface Athlete {
  athlete: string;
  name: string;
  ftp_w: number | null;
  ftp_assumed: boolean;
  max_hr_bpm: number | null;
  weight_kg: number | null;
  demo: boolean;
}

export interface Profile {
  name: string | null;
  ftp_w: number | null;
  max_hr_bpm: number | null;
  weight_kg: number | null;
}

export interface Me {
  role: string;
  athlete: Athlete | null;
  demo: boolean;
  radio: { problem: string; gateways: GatewayView[] };
  open_session: string | null;
}

export interface NewBike {
  name: string;
  sensors: string[];
}

export interface NewSession {
  workout: string | null;
  title?: string;
  open?: boolean;
  pace?: "group" | "self";
  auto_start?: boolean;
  auto_pause?: boolean;
}

export interface WorkoutPhase {
  name: string;
  kind: string;
  duration_ms: number | null;
  effort: [number, number] | null;
}

export interface Workout {
  workout: string;
  title: string;
  description: string;
  duration_ms: number | null;
  intensity: number | null;
  phases: WorkoutPhase[];
  version?: number;
  author?: string;
  sport?: string;
  focus?: string;
  origin?: "derny" | "folder" | "house" | "own";
  editable?: boolean;
  load?: number | null;
}

/** `end_*`: where a ramp ends. */
export interface WorkoutAim {
  t: "aim";
  unit: string;
  low: number;
  high: number;
  end_low?: number;
  end_high?: number;
}

export interface WorkoutText {
  offset_ms: number;
  text: string;
  say?: boolean;
}

export interface WorkoutStep {
  name: string;
  kind: string;
  until: {
    t: string;
    duration_ms?: number;
    distance_m?: number;
    work_kj?: number;
    aim?: WorkoutAim;
    above?: boolean;
  };
  target: WorkoutAim | { t: "free" } | { t: "max" };
  cadence?: { low_rpm: number; high_rpm: number };
  texts?: WorkoutText[];
  at_most_ms?: number;
}

export interface WorkoutContent {
  name: string;
  description?: string;
  steps: WorkoutStep[];
}

export interface KeptWorkout extends Workout {
  version: number;
  content: WorkoutContent;
  versions: { version: number; at_ms: number }[];
  warnings?: { line: number; text: string }[];
}

export interface WorkoutFormat {
  format: string;
  extension: string;
  title: string;
  lost: string[];
  problem: string;
}

export interface StepPreview {
  name: string;
  kind: string;
  duration_ms: number | null;
  until: WorkoutStep["until"];
  dimension: string;
  begin: [number, number] | null;
  end: [number, number] | null;
  certain: boolean;
  cadence: { low_rpm: number; high_rpm: number } | null;
}

export interface Preview {
  thresholds: Thresholds;
  duration_ms: number | null;
  distance_m: number;
  training_load: number | null;
  intensity: number | null;
  work_kj: number | null;
  partial: boolean;
  steps: StepPreview[];
}

export interface Thresholds {
  ftp_w?: number;
  ftp_assumed?: boolean;
  max_hr_bpm?: number;
  lthr_bpm?: number;
  rest_hr_bpm?: number;
  weight_kg?: number;
  threshold_kmh?: number;
}

export interface ZoneChoice {
  heart?: string;
  power_bounds_pct?: number[];
  heart_bounds_pct?: number[];
}

export interface NewFigures extends Omit<Thresholds, "ftp_assumed"> {
  zones: ZoneChoice;
  recompute: boolean;
}

export interface ZoneRow {
  number: number;
  name: string;
  low: number;
  above: number | null;
}

export interface ThresholdVersion {
  valid_from: string;
  until: string | null;
  thresholds: Thresholds;
  zones: ZoneChoice;
  power_zones: ZoneRow[];
  heart_zones: ZoneRow[];
}

export interface ZoneScheme {
  scheme: string;
  title: string;
  names: string[];
  lows_pct: number[];
  needs: string[];
}

export interface ThresholdBook {
  athlete: string;
  today: string;
  sports: Record<string, ThresholdVersion[]>;
  schemes: ZoneScheme[];
}

export interface Summary {
  average_power_w: number | null;
  max_power_w: number | null;
  weighted_power_w: number | null;
  intensity: number | null;
  load: number | null;
  work_kj: number | null;
  average_heart_rate_bpm: number | null;
  max_heart_rate_bpm: number | null;
  average_cadence_rpm: number | null;
  distance_m: number | null;
  energy_kcal: number | null;
  power_zones_s: number[];
  heart_rate_zones_s: number[];
}

export interface Lap {
  name: string;
  begins_s: number;
  duration_s: number;
  average_power_w: number | null;
  target_w: number | null;
  average_heart_rate_bpm: number | null;
  average_cadence_rpm: number | null;
}

export interface Activity {
  activity: string;
  session: string;
  athlete: string;
  title: string;
  started_at_ms: number;
  elapsed_s: number;
  moving_s: number;
  saved: boolean;
  demo: boolean;
  rpe: number | null;
  note: string;
  end_cause: string;
  workout?: { test?: string } | null;
  power_zones: ZonesView | null;
  heart_zones: ZonesView | null;
  summary: Summary;
  laps: Lap[];
  estimated_s: number;
  gaps: { begins_s: number; duration_s: number; reason: string; metric: Metric | null }[];
  sources: { metric: string; sensor: string; name: string; begins_s: number }[];
}

export interface FtpProposal {
  test: "ramp" | "20min" | "2x8";
  ftp_w: number | null;
  was_w: number | null;
  current_w: number | null;
  declined: boolean;
  may_use: boolean;
  reasoning: string;
  confidence: string;
  doubts: string[];
  ended_s: number | null;
}

export interface Streams {
  t_s: number[];
  power_w: (number | null)[];
  heart_rate_bpm: (number | null)[];
  cadence_rpm: (number | null)[];
}

export interface Sensors {
  sensors: SensorView[];
  gateways: GatewayView[];
}

export type { SessionView };

export type GrantPart = "power_w" | "heart_rate_bpm" | "cadence_rpm" | "speed_kmh" | "weight_kg";

/** How far apart devices carried out one cue; late is positive. */
export interface CueSpread {
  lane: string;
  i: number;
  devices: number;
  first_ms: number;
  last_ms: number;
  bound_ms: number;
}

/** `grantee`: "role:coach", "role:viewer", "role:display" or "athlete:ID". */
export interface Grant {
  athlete_id: string;
  grantee: string;
  parts: GrantPart[];
  until_ms: number | null;
}
