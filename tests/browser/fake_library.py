"""The staged hub's library and figures: the real structs around workouts and versions of a test."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from hub.core.figures import Figures, Version, until
from hub.core.target import Thresholds, Unit, aim
from hub.core.workout import ForDuration, Step, StepKind, Workout
from hub.core.zone_schemes import ZoneChoice
from hub.http.library import FormatBody
from hub.http.thresholds import Book, schemes, version_body
from hub.library.card import card
from hub.library.changes import changed
from hub.library.preview import preview
from hub.library.shelf import Origin

TODAY = "2026-11-20"
ADA = Thresholds(ftp_w=265, max_hr_bpm=184, weight_kg=64.0)


def over_unders() -> Workout:
    warm = Step("Warm-up", StepKind.WARMUP, ForDuration(600_000), aim(Unit.FTP, 0.45, 0.75))
    under = Step("Under", StepKind.WORK, ForDuration(120_000), aim(Unit.FTP, 0.9))
    over = Step("Over", StepKind.WORK, ForDuration(60_000), aim(Unit.FTP, 1.05))
    easy = Step("", StepKind.RECOVERY, ForDuration(240_000), aim(Unit.FTP, 0.5))
    heart = Step("", StepKind.COOLDOWN, ForDuration(600_000), aim(Unit.LTHR, 0.75))
    block = (under, over) * 3
    return Workout(
        "Over-unders 2 × 9", (warm, *block, easy, *block, heart), "Around threshold.", "Ada Oduya"
    )


class FakeLibrary:
    """`kept`: versions of each workout, oldest first. `editable`: by who asks."""

    def __init__(self) -> None:
        self.kept: dict[str, list[Workout]] = {}
        self.editable = True
        self.bikes: list[Version] = [Version("1970-01-01", Figures(ADA))]

    def search(self) -> list[Any]:
        return [self._card(one) for one in self.kept]

    def show(self, workout: str) -> dict[str, Any]:
        versions = self.kept[workout]
        numbers = range(len(versions), 0, -1)
        body: dict[str, Any] = msgspec.to_builtins(self._card(workout))
        body |= {"content": versions[-1], "at_ms": 1}
        return body | {"versions": [{"version": n, "at_ms": n} for n in numbers]}

    def _card(self, workout: str) -> Any:
        versions = self.kept[workout]
        origin = Origin.HOUSE if self.editable else Origin.DERNY
        return card(workout, len(versions), versions[-1], origin, self.editable)

    def preview(self, workout: str) -> Any:
        versions = self.kept[workout]
        known = self.bikes[-1].figures
        return preview((workout, len(versions)), versions[-1], "me", known, 100)

    def formats(self, workout: str) -> list[FormatBody]:
        return [
            FormatBody("toml", "toml", "a workout of our own"),
            FormatBody("zwo", "zwo", "a Zwift workout", ("heart rate is no target there",)),
            FormatBody("erg", "erg", "an ERG file", problem="it needs an FTP"),
        ]

    def keep(self, body: dict[str, Any]) -> dict[str, Any]:
        self.kept[f"w{len(self.kept)}"] = [workout_of(body["workout"])]
        return self.show(list(self.kept)[-1])

    def upload(self, body: None = None) -> dict[str, Any]:
        self.kept["brought"] = [over_unders()]
        doubts = [{"line": 12, "text": "a step of 0 s is left out"}, {"line": 0, "text": "no name"}]
        return self.show("brought") | {"warnings": doubts}

    def edit(self, workout: str, body: dict[str, Any]) -> Any:
        versions = self.kept[workout]
        if body["base"] != len(versions):
            return {
                "code": "stale",
                "detail": "changed meanwhile",
                "version": len(versions),
                "changed": changed(versions[body["base"] - 1], versions[-1]),
            }
        versions.append(workout_of(body["workout"]))
        return self.show(workout)

    def delete(self, workout: str) -> None:
        del self.kept[workout]

    # Figures

    def book(self, athlete: str) -> Book:
        ordered = sorted(self.bikes, key=lambda each: each.valid_from, reverse=True)
        rows = [version_body(each, until(self.bikes, each.valid_from)) for each in ordered]
        return Book(athlete, TODAY, {"bike": rows, "run": [], "row": []}, schemes())

    def put(self, athlete: str, sport: str, valid_from: str, body: dict[str, Any]) -> Book:
        given = {k: v for k, v in body.items() if k not in ("zones", "recompute")}
        figures = Figures(
            msgspec.convert(given, Thresholds), msgspec.convert(body["zones"], ZoneChoice)
        )
        date = TODAY if valid_from == "today" else valid_from
        self.bikes = [each for each in self.bikes if each.valid_from != date]
        self.bikes.append(Version(date, figures))
        return self.book(athlete)

    def forget(self, athlete: str, sport: str, valid_from: str) -> Book:
        self.bikes = [each for each in self.bikes if each.valid_from != valid_from]
        return self.book(athlete)


def workout_of(body: Any) -> Workout:
    return msgspec.json.decode(json.dumps(body), type=Workout)
