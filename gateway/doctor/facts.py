"""What `derny-gateway doctor` knows of a machine. Pure; the defaults are those of a healthy one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Adapter:
    """Of BlueZ. `slots` is what the configuration says, 0: as many as it takes."""

    name: str = "hci0"
    address: str = "00:00:5E:00:53:01"
    powered: bool = True
    central: bool = True
    slots: int = 0
    autosuspend: bool | None = False  # None: not on USB, or not told


@dataclass(frozen=True, slots=True)
class RfKill:
    name: str
    soft: bool
    hard: bool


@dataclass(frozen=True, slots=True)
class Hub:
    """`reached`: "yes", or why no TCP connection came about: "name", "refused", "timeout",
    "network", "proxy" (of the environment). `link`: "up", or why the hub does not talk to this key:
    "not_allowed", "handshake", "silent", "tls", "http_404" (or what else answers there instead of
    an uplink); "" where nothing was tried. `version` of its protocol, as it says.
    """

    address: str = "tcp://127.0.0.1:8421"
    reached: str = "yes"
    link: str = "up"
    version: int | None = None
    own_version: int = 0


@dataclass(frozen=True, slots=True)
class Spool:
    bytes: int = 0
    bytes_max: int = 256 * 1024 * 1024
    oldest_s: float | None = None
    age_s_max: float = 24 * 3_600.0
    unreadable: int = 0
    newer: bool = False  # files of a later Derny
    held: bool = False  # a gateway runs


@dataclass(frozen=True, slots=True)
class Problem:
    """One that another part of the gateway has words for: "place: problem - remedy"."""

    problem: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Facts:
    """`platform` as `sys.platform` has it; None where the machine does not tell."""

    platform: str = "linux"
    machine: str = "x86_64"
    model: str = ""  # of a single-board computer
    python: tuple[int, int, int] = (3, 11, 0)
    bleak: tuple[int, ...] = (3, 1, 0)
    radio: str = "os"
    config: Problem | None = None
    # Linux
    bluez: tuple[int, ...] | None = (5, 82)
    kernel: str = ""  # `uname -v`
    bus: str = ""  # "", "no_socket", "no_permission", "no_service"
    container: bool = False
    confined: str = ""  # the AppArmor profile that this process runs under
    root: bool = False
    in_group: bool | None = True  # of `bluetooth`; None: there is no such group
    adapters: tuple[Adapter, ...] = (Adapter(),)
    rfkill: tuple[RfKill, ...] = ()
    # macOS: CBManager.authorization(), "allowed", "denied", "restricted", "not_asked"
    macos: str | None = None
    # Every system
    year: int = 2026
    synchronised: bool | None = True
    has_rtc: bool | None = True
    key: Problem | None = None
    data_dir: str = ""
    data: Problem | None = None
    data_private: bool = True
    free_bytes: int | None = 10 * 1024**3
    spool: Spool = Spool()
    hub: Hub = Hub()
