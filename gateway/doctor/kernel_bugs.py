"""Kernels whose Bluetooth fails a gateway. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KernelBug:
    """`version` as `uname -v` has it: the distribution's own number."""

    version: str
    what: str
    do: str
    source: str


BUGS = (
    KernelBug(
        "Debian 6.1.192-2",
        "crashes when a link is lost, or refused by a full adapter, before it is ready; Bluetooth"
        " then hangs until a restart",
        "start the computer with the kernel before it (6.1.190-1), or with a later one",
        "docs/reference/bluetooth-tested.md: list corruption in hci_chan_del",
    ),
)


def kernel_bugs_of(version: str) -> list[KernelBug]:
    """`version`: `uname -v`, "" where it is not known."""
    words = version.split()
    return [bug for bug in BUGS if _stands_in(bug.version.split(), words)]


def _stands_in(wanted: list[str], words: list[str]) -> bool:
    """As whole words: 6.1.192-2 is not 6.1.192-21."""
    return any(words[i : i + len(wanted)] == wanted for i in range(len(words)))
