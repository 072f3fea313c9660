"""Where a lane is and when its cues fire, by hub time alone; the lanes are the hub's own."""

from __future__ import annotations

from live_fakes import NOON_MS
from msgspec.structs import replace

from hub.client.cues import LATE_MS_MAX, CueTable, Rung
from hub.client.timeline import position
from hub.core.target import Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, UntilLap, Workout
from hub.live import inputs, views
from hub.live import session as log
from hub.live.inputs import Entry, Rider
from hub.wire.live_views import LaneView
from hub.wire.values import CueKind


def steps(*lengths_s: int | None) -> Workout:
    return Workout(
        "Test",
        tuple(
            Step(
                f"Step {number}",
                StepKind.WORK,
                UntilLap() if length_s is None else ForDuration(length_s * 1000),
                aim(Unit.FTP, 0.8),
            )
            for number, length_s in enumerate(lengths_s)
        ),
    )


def lane_at(workout: Workout, ms: int, *said: tuple[int, inputs.Input]) -> LaneView:
    """As the hub tells of it `ms` after NOON_MS, its beginning."""
    entries = [
        Entry(NOON_MS, inputs.Create("s", "Class", "epoch", "w", workout)),
        Entry(NOON_MS, inputs.Join(Rider(athlete="ann", name="Ann"))),
        Entry(NOON_MS, inputs.Start()),
        *(Entry(NOON_MS + after_ms, one) for after_ms, one in said),
    ]
    session = log.fold(entries)
    assert session is not None
    return views.lane_view(session, "group", NOON_MS + ms)


def fire(table: CueTable, from_ms: int, to_ms: int, step_ms: int = 10) -> list[Rung]:
    fired = []
    for ms in range(from_ms, to_ms, step_ms):
        fired += table.due(NOON_MS + ms)
    return fired


def told(fired: list[Rung]) -> list[tuple[int, str, str]]:
    return [(one.cue.at_ms - NOON_MS, one.cue.kind, one.cue.name) for one in fired]


TEN_SECONDS = [
    (7_000, "countdown", "3"), (8_000, "countdown", "2"), (9_000, "countdown", "1"),
    (10_000, "phase", "Step 1"), (17_000, "countdown", "3"), (18_000, "countdown", "2"),
    (19_000, "countdown", "1"), (20_000, "finish", ""),
]  # fmt: skip


def test_each_cue_fires_once_at_its_instant_and_never_before() -> None:
    table = CueTable("group")
    table.announce(lane_at(steps(10, 10), 0), NOON_MS)
    fired = fire(table, 0, 30_000, 7)
    hub_told = [cue for cue in TEN_SECONDS if cue[0] <= 10_000 or cue[1] == "finish"]
    assert [one for one in told(fired) if one in hub_told] == hub_told
    assert all(0 <= one.late_ms < 7 and not one.missed for one in fired)
    assert table.next_at_ms() is None


def test_announced_again_in_mid_countdown_nothing_fires_twice() -> None:
    table, workout = CueTable("group"), steps(10, 10)
    table.announce(lane_at(workout, 0), NOON_MS)
    first = fire(table, 0, 8_500)
    for ms in (8_500, 8_600):
        table.announce(lane_at(workout, ms), NOON_MS + ms)
    fired = told(first + fire(table, 8_600, 12_000))
    assert fired == TEN_SECONDS[:4]


def test_news_of_the_change_itself_does_not_take_its_cue_away() -> None:
    """What the hub says when a phase begins may be here before the timer of the cue."""
    table, workout = CueTable("group"), steps(10, 10)
    table.announce(lane_at(workout, 0), NOON_MS)
    fire(table, 0, 9_999)
    for early_ms in (20, 0):
        table.announce(lane_at(workout, 10_000), NOON_MS + 10_000 - early_ms)
    assert told(fire(table, 9_999, 11_000)) == [(10_000, "phase", "Step 1")]
    table.replace((), NOON_MS + 11_000)
    assert table.next_at_ms() is None


def test_a_pause_takes_cues_back_and_a_resume_brings_them_later() -> None:
    workout, table = steps(10, 10), CueTable("group")
    table.announce(lane_at(workout, 0), NOON_MS)
    assert len(fire(table, 0, 8_500)) == 2
    paused = (8_500, inputs.Pause())
    table.announce(lane_at(workout, 8_500, paused), NOON_MS + 8_500)
    assert fire(table, 8_500, 60_000) == []
    going_on = lane_at(workout, 60_000, paused, (60_000, inputs.Resume()))
    table.announce(going_on, NOON_MS + 60_000)
    (change,) = [one for one in fire(table, 60_000, 62_000) if one.cue.kind is CueKind.PHASE]
    assert change.cue.at_ms == NOON_MS + 61_500


def test_behind_the_last_cue_that_the_hub_named_they_follow_from_the_timeline() -> None:
    """The hub is away from the start on, and names only so many."""
    workout, table = steps(*(10 for _ in range(40))), CueTable("group")
    lane = lane_at(workout, 0)
    assert lane.cues[-1].at_ms < NOON_MS + 400_000
    table.announce(lane, NOON_MS)
    fired = told(fire(table, 0, 400_010))
    changes = [at_ms for at_ms, kind, _ in fired if kind == "phase"]
    assert changes == list(range(10_000, 400_000, 10_000))
    assert len([kind for _, kind, _ in fired if kind == "countdown"]) == 3 * 39
    assert fired[-1][:2] == (400_000, "finish")


def test_an_open_end_has_no_countdown() -> None:
    table = CueTable("group")
    table.announce(lane_at(steps(None, 10), 0), NOON_MS)
    assert table.next_at_ms() is None


def test_who_slept_over_a_cue_is_told_that_it_is_missed() -> None:
    table = CueTable("group")
    table.announce(lane_at(steps(10, 10), 0), NOON_MS)
    fired = table.due(NOON_MS + 9_000 + LATE_MS_MAX)
    assert [(one.cue.name, one.missed) for one in fired] == [
        ("3", True), ("2", True), ("1", False), ("Step 1", False),
    ]  # fmt: skip


def test_who_comes_late_hears_nothing_of_what_was() -> None:
    table, lane = CueTable("group"), lane_at(steps(10, 10), 0)
    table.announce(replace(lane, cues=()), NOON_MS + 15_000)
    fired = told(fire(table, 15_000, 20_010))
    assert fired[-1] == (20_000, "finish", "")
    assert min(at_ms for at_ms, _, _ in fired) >= 15_000 - LATE_MS_MAX


def test_the_position_goes_on_by_the_clock_alone() -> None:
    lane = lane_at(steps(10, 10, None), 0)
    at = {s: position(lane, NOON_MS + s * 1000) for s in (0, 4, 10, 19, 25)}
    assert [at[s].index for s in at] == [0, 0, 1, 1, 2]
    assert [at[s].remaining_ms for s in at] == [10_000, 6_000, 10_000, 1_000, None]
    assert at[25].phase_ms == 5_000 and at[25].next is None
    assert at[4].next is not None and at[4].next.name == "Step 1"


def test_the_position_in_a_pause_and_after_a_skip() -> None:
    workout = steps(10, 10)
    paused = lane_at(workout, 5_000, (4_000, inputs.Pause()))
    assert position(paused, NOON_MS + 60_000).remaining_ms == 6_000
    skipped = lane_at(workout, 5_000, (4_000, inputs.Skip(0)))
    at = position(skipped, NOON_MS + 5_000)
    assert (at.index, at.remaining_ms) == (1, 9_000)
    ended = position(replace(skipped, status="finished"), NOON_MS + 60_000)
    assert ended.phase is None and ended.next is None
