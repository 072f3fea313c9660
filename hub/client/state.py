"""What a channel last said, kept typed: the session's view, and rows by the names of their fields.

Pure. A number ages here too, for the hub may be silent: `Row.number` tells how far it may be
trusted at an instant of hub time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from hub.wire.live_client import ROW_LATE_MS
from hub.wire.live_events import (
    EventBody,
    Finished,
    Membership,
    SourceSwitched,
    Timeline,
    TrainerChanged,
    Trimmed,
)
from hub.wire.live_from_client import Resume
from hub.wire.live_to_client import Error, Event, Fields, Presence, Snapshot, State
from hub.wire.live_views import AthleteView, LaneView, SessionView, SourceView
from hub.wire.staleness import STALENESS
from hub.wire.values import Metric, Quality

Cell = str | float | int | None


class Number(NamedTuple):
    """`value` None: there is nothing to show, and `quality` says why. `age_ms` 0 if never given."""

    value: float | None
    quality: Quality
    age_ms: float


class Row:
    """One athlete's live numbers. `row["power_w"]` is a cell as it was sent."""

    __slots__ = ("_cells", "_columns", "_qualities")

    def __init__(
        self,
        cells: tuple[Cell, ...],
        columns: Mapping[str, int],
        qualities: tuple[Quality, ...],
    ) -> None:
        self._cells = cells
        self._columns = columns
        self._qualities = qualities

    def __getitem__(self, column: str) -> Cell:
        """Raises KeyError for a column that the hub did not announce."""
        return self._cells[self._columns[column]]

    def get(self, column: str) -> Cell:
        """None where the hub knows no such column."""
        place = self._columns.get(column)
        return None if place is None else self._cells[place]

    def number(self, metric: Metric, now_ms: float, column: str = "") -> Number:
        """`metric` at `now_ms` of hub time: the hub's word or what its age says, the worse one.

        `column`: where the number to show stands, when it is not the metric's own
        (`power_3s_w`); its age and quality are those of the metric.
        """
        place = self.get(f"{metric}.q")
        told = self._qualities[int(place)] if isinstance(place, int | float) else Quality.NONE
        if told in (Quality.NONE, Quality.DENIED):
            return Number(None, told, 0.0)
        at_ms, value = self.get(f"{metric}.at_ms"), self.get(column or metric)
        if value is None and column:
            value = self.get(metric)
        age_ms = max(now_ms - (at_ms if isinstance(at_ms, int | float) else 0), 0.0)
        limits = STALENESS[metric]
        gone = told is Quality.GONE or age_ms > limits.keep_ms
        if gone or not isinstance(value, int | float):
            return Number(None, Quality.GONE, age_ms)
        # The row is up to a tick old when it arrives: the hub's LIVE holds a little past the limit.
        if told is Quality.LIVE and age_ms > limits.fresh_ms + ROW_LATE_MS:
            told = Quality.AGED
        return Number(value, told, age_ms)


class Channel:
    """One subscription and all that is known of it."""

    def __init__(self, name: str, rate_hz: int, resume: Resume | None = None) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self.resume = resume  # where the event lane stands; None: from a snapshot on
        self.session: SessionView | None = None
        self.finished: Finished | None = None
        self.rows: dict[str, Row] = {}  # by athlete
        self.at_ms = 0  # hub time of the newest state frame
        self.presence: Presence | None = None  # who else looks
        self.refused: Error | None = None
        self._columns: dict[str, int] = {}
        self._qualities: tuple[Quality, ...] = ()
        self._last: Event | None = None

    def announced(self, fields: Fields) -> None:
        self._columns = {name: place for place, name in enumerate(fields.fields)}
        self._qualities = fields.qualities
        self.refused = None

    def state(self, frame: State) -> None:
        """Rows shorter than was announced are left out: they would be misread."""
        if frame.whole:
            self.rows = {}
        self.at_ms = frame.at_ms
        for cells in frame.rows:
            if len(cells) >= len(self._columns) > 0:
                row = Row(cells, self._columns, self._qualities)
                self.rows[str(row.get("athlete"))] = row

    def snapshot(self, frame: Snapshot) -> None:
        self.resume = Resume(frame.epoch, frame.offset)
        self.session = frame.session
        self._last = None

    def gap(self) -> None:
        """The offset means nothing any more; a snapshot follows."""
        self.resume = None

    def event(self, frame: Event) -> bool:
        """Applies it; False for one that was told already: each goes to the caller once.

        An event of the log has an offset of its own. One that comes of time passing carries that
        of the line before and may come again with news.
        """
        mark = self.resume
        if mark is not None:
            if frame.offset < mark.offset or frame == self._last:
                return False
            self.resume = Resume(mark.epoch, frame.offset)
        self._last = frame
        if isinstance(frame.body, Finished):
            self.finished = frame.body
        if self.session is not None:
            self.session = applied(self.session, frame.body)
        return True


def applied(view: SessionView, body: EventBody) -> SessionView:
    """The view after one event; `web/store.js` is the same."""
    match body:
        case Timeline(lane=lane):
            known = {old.lane: old for old in view.lanes}
            before = known.get(lane.lane)
            known[lane.lane] = lane if before is None or lane.rev >= before.rev else before
            lanes = tuple(known.values())
            return replace(view, lanes=lanes, status=_status_of(lanes))
        case Trimmed(athlete=athlete, trim_pct=trim_pct, kind=""):
            return _with(view, athlete, lambda one: replace(one, trim_pct=trim_pct))
        case Trimmed(athlete=athlete, trim_pct=trim_pct, kind=kind):
            return _with(
                view, athlete, lambda one: replace(one, trims={**one.trims, kind: trim_pct})
            )
        case TrainerChanged(athlete=athlete, trainer=trainer):
            return _with(view, athlete, lambda one: replace(one, trainer=trainer))
        case SourceSwitched(athlete=athlete):
            return _with(view, athlete, lambda one: replace(one, sources=_chosen(one, body)))
        case Membership(athletes=athletes):
            return replace(view, athletes=athletes)
        case Finished():
            return replace(view, status="finished")
        case _:
            return view


def _status_of(lanes: tuple[LaneView, ...]) -> str:
    """A session runs where any lane runs."""
    states = {lane.status for lane in lanes}
    return next((one for one in ("running", "paused", "ready") if one in states), "finished")


def _with(
    view: SessionView, athlete: str, change: Callable[[AthleteView], AthleteView]
) -> SessionView:
    """`athlete` "": everybody."""
    return replace(
        view,
        athletes=tuple(
            change(one) if athlete in ("", one.athlete) else one for one in view.athletes
        ),
    )


def _chosen(one: AthleteView, body: SourceSwitched) -> dict[Metric, tuple[SourceView, ...]]:
    def marked(source: SourceView) -> SourceView:
        chosen = source.sensor_id == body.sensor_id
        preferred = chosen if body.cause == "chosen" else source.preferred
        return SourceView(source.sensor_id, source.name, chosen, preferred)

    return {**one.sources, body.metric: tuple(map(marked, one.sources.get(body.metric, ())))}
