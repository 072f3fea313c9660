"""The wall: a scene as rich draws it."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hub.client.state import Number
from hub.client.timeline import Position
from hub.client.told import Status
from hub.terminal import ZONE_COLOURS, clean
from hub.watch.scene import Line, Scene
from hub.watch.words import clock, cue_words
from hub.wire.live_views import LaneView
from hub.wire.values import Quality

HEADINGS = ("", "Power", "", "Asked", "Heart", "", "Cadence", "Trainer")
NAME_COLUMNS_MIN = 8
LANES_MAX = 4  # where each rider has an own
LINES_BESIDE = 9  # title, link, flash, headings, a line for who finds no room, blanks
NO_NUMBER = {Quality.DENIED: "not shared", Quality.NONE: "–", Quality.GONE: "–"}


def wall(scene: Scene, now_ms: float, local_ms: float, height: int = 1_000) -> RenderableType:
    """`now_ms` is hub time, `local_ms` this machine's clock; at most `height` lines."""
    view = scene.channel.session
    if view is None:
        refused = scene.channel.refused
        return Text(clean(refused.detail) if refused else f"… {scene.link(local_ms)}")
    link_style = "green" if scene.core.status is Status.LIVE else "bold yellow"
    title = Text(clean(view.title), style="bold")
    if view.demo:
        title.append("  simulated riders", "dim")
    lanes = scene.lanes(now_ms)
    names = {one.athlete: one.name for one in view.athletes}
    riders = scene.lines(now_ms)
    shown = max(height - LINES_BESIDE - min(len(lanes), LANES_MAX) - len(scene.log), 1)
    more = len(riders) - shown
    return Group(
        title,
        Text(scene.link(local_ms), style=link_style),
        "",
        *(_interval(lane, at, names.get(lane.lane, "")) for lane, at in lanes[:LANES_MAX]),
        _flash(scene, now_ms),
        _riders(riders[:shown]),
        Text(f"and {more} more: a higher terminal shows them" if more > 0 else "", style="dim"),
        *(_logged(now_ms - at_ms, words) for at_ms, words in scene.log),
    )


def _interval(lane: LaneView, at: Position, name: str) -> Text:
    line = Text(f"{clean(name)}: " if name else "")
    if at.phase is None:
        line.append(lane.status, "bold")
    else:
        line.append(clock(at.remaining_ms) or "open", "bold")
        line.append(f"  {clean(at.phase.name)}", "bold")
        if at.phase.set_count:
            line.append(f" {at.phase.set_index} of {at.phase.set_count}")
        if lane.status != "running":
            line.append(f"  {lane.status}", "bold yellow")
    line.append(f"  ridden {clock(at.ridden_ms)}", "dim")
    if at.next is not None:
        line.append(f"  next: {clean(at.next.name)}", "dim")
    return line


def _flash(scene: Scene, now_ms: float) -> RenderableType:
    """Of one height, lit or not: nothing jumps."""
    rung = scene.flash(now_ms)
    words = "" if rung is None else clean(cue_words(rung.cue))
    return Panel(Text(words, justify="center"), style="dim" if rung is None else "bold reverse")


def _riders(lines: list[Line]) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    for place, heading in enumerate(HEADINGS):
        right = heading in ("Power", "Heart", "Cadence", "Asked")
        # Only the name gives way where the terminal is narrow.
        table.add_column(
            heading,
            justify="right" if right else "left",
            no_wrap=True,
            ratio=None if place else 1,
            min_width=None if place else NAME_COLUMNS_MIN,
        )
    for line in lines:
        table.add_row(
            clean(line.name),
            _number(line.power, "W"),
            _zone(line.power_zone, "Z"),
            line.aim,
            _number(line.heart, "bpm"),
            _zone(line.heart_zone, "Z"),
            _number(line.cadence, "rpm"),
            Text(line.trainer, style="dim"),
        )
    return table


def _number(number: Number, unit: str) -> Text:
    """Crisp, faded with its age, or gone."""
    if number.value is None:
        return Text(NO_NUMBER.get(number.quality, "–"), style="dim")
    text = f"{number.value:.0f} {unit}"
    if number.quality is Quality.AGED:
        return Text(f"{text} {number.age_ms / 1000:.0f} s ago", style="dim")
    if number.quality is Quality.SUSPECT:
        return Text(f"{text} ?", style="dim italic")
    return Text(text, style="bold")


def _zone(zone: int, letter: str) -> Text:
    return Text(f"{letter}{zone}" if zone else "", style=ZONE_COLOURS[min(zone, 7)])


def _logged(age_ms: float, words: str) -> Text:
    return Text(f"{clock(max(age_ms, 0)):>6} ago  {clean(words)}", style="dim")
