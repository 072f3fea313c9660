"""BlueZ's versions and what each is known for, as far as it touches a gateway. Pure."""

from __future__ import annotations

from dataclasses import dataclass

BLEAK_MIN = (5, 55)


@dataclass(frozen=True, slots=True)
class Bug:
    """From version `first` to before `fixed`. `harm`: none is a note, Derny works around it."""

    first: tuple[int, ...]
    fixed: tuple[int, ...] | None
    harm: bool
    what: str
    do: str
    source: str


BUGS = (
    Bug(
        (0,), BLEAK_MIN, True,
        "is older than 5.55: what bleak builds on is not in it",
        "update the system: Debian 11 and Raspberry Pi OS of 2021 have 5.55",
        "bleak/backends/bluezdbus/version.py",
    ),
    Bug(
        (5, 62), (5, 63), True,
        "can crash when a client that was connected to a device leaves",
        "update bluez",
        "https://github.com/bluez/bluez/issues/235",
    ),
    Bug(
        (5, 62), None, False,
        "aborts a connect now and then (le-connection-abort-by-local); it is tried again",
        "",
        "https://github.com/hbldh/bleak/pull/1255",
    ),
    Bug(
        (5, 66), (5, 86), False,
        "can crash when another program uses AcquireNotify and leaves; Derny does not use it",
        "close programs with bleak 2.0 to 3.0, which do",
        "https://github.com/bluez/bluez/issues/1781",
    ),
)  # fmt: skip


def bugs_of(version: tuple[int, ...]) -> list[Bug]:
    return [
        bug for bug in BUGS if bug.first <= version and (bug.fixed is None or version < bug.fixed)
    ]
