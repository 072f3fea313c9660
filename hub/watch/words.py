"""What happened, in a line for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hub.wire.live_events import (
    EventBody,
    Finished,
    Lapped,
    Membership,
    Message,
    SourceSwitched,
    Timeline,
    TrainerChanged,
    Trimmed,
)
from hub.wire.live_views import SessionView
from hub.wire.values import Cue, CueKind

CAUSES = {
    "start": "started",
    "pause": "paused",
    "auto_pause": "paused: nobody pedals",
    "resume": "goes on",
    "lap": "next, by the lap button",
    "skip": "skipped",
    "back": "back to the interval before",
    "jump": "jumped",
    "extend": "this interval is longer or shorter now",
    "repeat": "this interval comes once more",
    "cool_down": "cool-down now",
    "undo": "taken back",
    "met": "the interval's end was reached",
    "stop": "stopped",
}
METRICS = {
    "power_w": "power",
    "heart_rate_bpm": "heart rate",
    "cadence_rpm": "cadence",
    "speed_kmh": "speed",
}
ENDS = {"workout": "ridden to its end", "stop": "stopped", "idle": "nobody pedalled"}


def line_of(body: EventBody, names: Mapping[str, str]) -> str:
    """ "": nothing to say. `names` of the athletes, by id."""

    def name(athlete: str) -> str:
        return names.get(athlete, "somebody") if athlete else "everybody"

    match body:
        case Timeline(lane=lane, cause=cause):
            said = CAUSES.get(cause, "")
            return f"{name(lane.lane)}: {said}" if said and lane.lane in names else said
        case Lapped(athlete=athlete, number=number):
            return f"lap {number}" + (f", {name(athlete)}" if athlete else "")
        case Trimmed(athlete=athlete, trim_pct=trim_pct, kind=kind):
            return f"{name(athlete)}: intensity {trim_pct} %" + (f" ({kind})" if kind else "")
        case SourceSwitched(athlete=athlete, metric=metric, name=sensor, cause=cause):
            return f"{name(athlete)}: {METRICS[metric]} from {sensor} ({cause})"
        case TrainerChanged(athlete=athlete, trainer=trainer):
            why = f" ({trainer.reason})" if trainer.reason else ""
            return f"{name(athlete)}: trainer {trainer.status.replace('_', ' ')}{why}"
        case Message(text=text, to=to):
            return f"to {name(to)}: {text}" if to else f"coach: {text}"
        case Finished(cause=cause):
            return f"finished: {ENDS.get(cause, cause)}"
        case Membership():
            return ""


def cue_words(cue: Cue) -> str:
    return cue.name or ("finish" if cue.kind is CueKind.FINISH else str(cue.kind))


def names_in(view: SessionView | None) -> dict[str, str]:
    return {} if view is None else {one.athlete: one.name for one in view.athletes}


def clock(ms: float | None) -> str:
    """m:ss, rounded up: 0:00 is over."""
    if ms is None:
        return ""
    seconds = -int(-ms // 1000)
    hours, rest = divmod(seconds, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
