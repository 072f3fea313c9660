// The shapes of the hub's JSON API that this client uses.

import type { GatewayView, Metric, SensorView, SessionView } from "./protocol.d.ts";

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

export interface WorkoutPhase {
  name: string;
  kind: string;
  duration_ms: number | null;
  target_begin: number | null;
  target_end: number | null;
}

export interface Workout {
  workout: string;
  title: string;
  description: string;
  duration_ms: number | null;
  intensity: number | null;
  phases: WorkoutPhase[];
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
