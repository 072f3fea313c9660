"""What the facts mean: a table of rules, each of which finds all that is to be said. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateway.doctor.facts import Facts
from gateway.doctor.finding import Finding, Level, Whose, ok, problem, warning
from gateway.doctor.rules_bluetooth import adapters, bluez, bus, kernel, macos, rfkill

PYTHON_MIN = (3, 11)
BLEAK_MIN, BLEAK_BEFORE = (3, 1), (4,)
YEAR_MIN = 2025  # before this Derny was written: the clock was never set
FREE_BYTES_MIN = 64 * 1024**2
SPOOL_FULL = 0.8

Rule = Callable[[Facts], Iterator[Finding]]


def platform(facts: Facts) -> Iterator[Finding]:
    python = ".".join(map(str, facts.python))
    named = facts.model or f"{facts.platform}, {facts.machine}"
    if facts.python < PYTHON_MIN:
        yield problem(
            "python", f"Python {python} is too old", Whose.COMPUTER, "install Python 3.11 or newer"
        )
    match facts.platform:
        case "linux" if facts.machine in ("armv6l", "armv7l"):
            yield warning(
                "platform",
                f"{named}: a 32-bit system, for which some packages are not made",
                Whose.COMPUTER,
                "install the 64-bit Raspberry Pi OS",
            )
        case "linux":
            yield ok("platform", f"{named}, Python {python}")
        case "darwin":
            yield warning(
                "platform",
                f"macOS, Python {python}: supported by the libraries, not tested",
                Whose.COMPUTER,
                "if a sensor does not come, use a Linux computer as gateway",
            )
        case _:
            yield problem(
                "platform",
                f"{facts.platform}: Derny does not run there yet",
                Whose.COMPUTER,
                "use Linux, or macOS, as gateway",
            )
    if not BLEAK_MIN <= facts.bleak < BLEAK_BEFORE:
        yield problem(
            "bleak",
            f"bleak {'.'.join(map(str, facts.bleak))} is installed, 3.1 or a later 3 is needed",
            Whose.COMPUTER,
            "install Derny anew: pip install 'derny[gateway]'",
        )


def configuration(facts: Facts) -> Iterator[Finding]:
    if facts.config is None:
        yield ok("settings", f"read; radio {facts.radio}")
    else:
        yield problem("settings", facts.config.problem, Whose.SETTINGS, facts.config.remedy)


def clock(facts: Facts) -> Iterator[Finding]:
    if facts.year < YEAR_MIN:
        yield problem(
            "clock",
            f"it says {facts.year}: it was never set",
            Whose.COMPUTER,
            "connect to a network with a time server; timedatectl set-ntp true",
        )
    elif facts.synchronised is False:
        without = "" if facts.has_rtc is not False else ", and there is no clock chip"
        yield warning(
            "clock",
            f"it is not synchronised{without}: readings made without the hub get estimated times",
            Whose.COMPUTER,
            "timedatectl set-ntp true",
        )
    else:
        yield ok("clock", "synchronised" if facts.synchronised else "set")


def key(facts: Facts) -> Iterator[Finding]:
    if facts.key is None:
        yield ok("key", "there, and readable by its owner only")
    else:
        yield problem("key", facts.key.problem, Whose.SETTINGS, facts.key.remedy)


def hub(facts: Facts) -> Iterator[Finding]:
    there = facts.hub
    match there.reached:
        case "yes":
            yield from _hub_talks(facts)
        case "name":
            yield problem(
                "hub",
                f"{there.address}: no computer of this name is known",
                Whose.SETTINGS,
                "mend hub.address, or use the hub's IP address",
            )
        case "refused":
            tcp = "start the hub; for gateways on other machines set uplink.host in its hub.toml"
            web = "start the hub, and for wss the server in front of it"
            yield problem(
                "hub",
                f"{there.address}: that computer is there, and no hub listens",
                Whose.HUB,
                tcp if there.address.startswith("tcp:") else web,
            )
        case "timeout":
            yield problem(
                "hub",
                f"{there.address}: no answer",
                Whose.NETWORK,
                "is that computer on, in this network, and does its firewall let the port in?",
            )
        case "network":
            yield problem(
                "hub",
                f"{there.address}: this network does not lead there",
                Whose.NETWORK,
                "connect this computer to the hub's network",
            )
        case "proxy":
            yield problem(
                "hub",
                f"{there.address}: the proxy that the environment names lets nobody through to it",
                Whose.NETWORK,
                "mend wss_proxy or https_proxy, or name the hub's computer in no_proxy",
            )


def _hub_talks(facts: Facts) -> Iterator[Finding]:
    there = facts.hub
    match there.link:
        case "up" if there.version not in (None, there.own_version):
            older = "the hub" if (there.version or 0) < there.own_version else "this gateway"
            whose = Whose.HUB if older == "the hub" else Whose.COMPUTER
            yield problem(
                "hub",
                f"it speaks version {there.version}, this gateway {there.own_version}",
                whose,
                f"update {older}",
            )
        case "up":
            yield ok("hub", f"{there.address} answers and knows this key")
        case "not_allowed":
            yield problem(
                "hub",
                f"{there.address} does not know this gateway's key",
                Whose.HUB,
                "there: derny gateway add NAME, and bring the file here as keys/gateway.key",
            )
        case "handshake":
            yield problem(
                "hub",
                f"{there.address} is no Derny hub, or not the one that this key was made for",
                Whose.SETTINGS,
                "mend hub.address, or get a key from that hub: derny gateway add NAME",
            )
        case "tls":
            yield problem(
                "hub",
                f"{there.address}: its certificate is not trusted here, or it speaks no TLS",
                Whose.SETTINGS,
                "use the name that the certificate is for; for a CA of your own set SSL_CERT_FILE",
            )
        case answer if answer.startswith("http_5"):
            yield problem(
                "hub",
                f"{there.address}: a server is there and answers {answer[5:]}, its hub does not",
                Whose.HUB,
                "start the hub; does the server in front of it forward /uplink to http.port?",
            )
        case answer if answer.startswith("http_"):
            yield problem(
                "hub",
                f"{there.address}: a server is there and answers {answer[5:]}, no uplink",
                Whose.SETTINGS,
                "mend the path in hub.address, or let the server forward /uplink with its upgrade",
            )
        case "silent":
            yield problem(
                "hub",
                f"{there.address} takes the connection and says nothing",
                Whose.HUB,
                "is it a hub, and the one that the key is from? If so, start it anew",
            )


def data(facts: Facts) -> Iterator[Finding]:
    if facts.data is not None:
        yield problem("data folder", facts.data.problem, Whose.COMPUTER, facts.data.remedy)
        return
    if not facts.data_private:
        yield warning(
            "data folder",
            f"others may read {facts.data_dir}: keys and heart data are in it",
            Whose.COMPUTER,
            f"chmod 700 {facts.data_dir}",
        )
    free = facts.free_bytes
    if free is not None and free < FREE_BYTES_MIN:
        yield problem(
            "data folder",
            f"{free // 1024**2} MB are free: without room readings are kept in memory only",
            Whose.COMPUTER,
            "make room on the disk",
        )
    elif free is not None and free < facts.spool.bytes_max - facts.spool.bytes:
        yield warning(
            "data folder",
            f"{free // 1024**2} MB are free, less than the spool may take",
            Whose.COMPUTER,
            "make room on the disk, or lower spool.size_mb",
        )
    elif facts.data_private:
        yield ok("data folder", f"{facts.data_dir} is writable")


def spool(facts: Facts) -> Iterator[Finding]:
    kept = facts.spool
    if kept.newer:
        yield problem(
            "spool",
            "a later Derny wrote it: this one leaves it alone and does not start",
            Whose.COMPUTER,
            "start the later one until the hub has everything, or move the folder away",
        )
    if kept.unreadable:
        yield warning(
            "spool",
            f"{kept.unreadable} files cannot be read: their readings are lost, and shown as gaps",
            Whose.COMPUTER,
            "check the disk or the memory card; then remove the files named …unreadable",
        )
    waiting = f"{kept.bytes / 1e6:.1f} MB of {kept.bytes_max // 1024**2} MB wait for the hub"
    if kept.oldest_s is not None:
        waiting += f", the oldest for {kept.oldest_s / 3_600:.1f} h"
    late = kept.oldest_s is not None and kept.oldest_s > SPOOL_FULL * kept.age_s_max
    if kept.bytes > SPOOL_FULL * kept.bytes_max or late:
        yield warning(
            "spool",
            f"{waiting}: the oldest will go soon",
            Whose.HUB,
            "let this gateway reach its hub; meanwhile raise spool.size_mb and spool.age_h",
        )
    else:
        runs = "; a gateway runs" if kept.held else ""
        yield ok("spool", f"{waiting if kept.bytes else 'empty'}{runs}")


# As they are shown.
RULES: tuple[Rule, ...] = (
    platform,
    configuration,
    bus,
    bluez,
    kernel,
    rfkill,
    adapters,
    macos,
    clock,
    data,
    spool,
    key,
    hub,
)


def findings(facts: Facts) -> list[Finding]:
    return [finding for rule in RULES for finding in rule(facts)]


def is_well(found: list[Finding]) -> bool:
    return not any(finding.level is Level.PROBLEM for finding in found)
