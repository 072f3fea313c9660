"""What the facts mean for radios and what drives them: the Bluetooth part of `rules`. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.doctor.bluez_bugs import bugs_of
from gateway.doctor.facts import Facts
from gateway.doctor.finding import Finding, Level, Whose, ok, problem, warning
from gateway.doctor.kernel_bugs import kernel_bugs_of

SLOTS_USUAL = "5 to 10"


def on_linux_radio(facts: Facts) -> bool:
    return facts.platform == "linux" and facts.radio == "os"


def bus(facts: Facts) -> Iterator[Finding]:
    if not on_linux_radio(facts):
        return
    match facts.bus:
        case "":
            yield ok("bus", "BlueZ answers on the system bus")
        case "no_socket" if facts.container:
            yield problem(
                "bus",
                "this container has no system bus",
                Whose.CONTAINER,
                "run it with -v /run/dbus/system_bus_socket:/run/dbus/system_bus_socket",
            )
        case "no_socket":
            yield problem("bus", "there is no system bus", Whose.COMPUTER, "install and start dbus")
        case "no_permission" if facts.confined:
            yield problem(
                "bus",
                f"AppArmor ({facts.confined}) keeps this process from BlueZ",
                Whose.CONTAINER,
                "run the container with --security-opt apparmor=unconfined",
            )
        case "no_permission" if facts.in_group is False and not facts.root:
            yield problem(
                "bus",
                "this user may not use Bluetooth",
                Whose.COMPUTER,
                "sudo usermod -aG bluetooth $USER, then sign in again",
            )
        case "no_permission":
            yield problem(
                "bus",
                "the bus does not let this user talk to BlueZ",
                Whose.COMPUTER,
                "look at bluetooth.conf in /etc/dbus-1 and /usr/share/dbus-1; in a container use"
                " the host's user number",
            )
        case _:
            yield problem(
                "bus",
                "the Bluetooth service does not run",
                Whose.COMPUTER,
                "apt install bluez, then systemctl enable --now bluetooth"
                + (" on the host" if facts.container else ""),
            )


def bluez(facts: Facts) -> Iterator[Finding]:
    if not on_linux_radio(facts):
        return
    if facts.bluez is None:
        if facts.bus:
            return  # the bus says what is wrong
        yield warning(
            "bluez",
            "its version is not known: bluetoothctl is missing",
            Whose.COMPUTER,
            "compare `bluetoothctl --version` on the host with 5.55",
        )
        return
    version = ".".join(map(str, facts.bluez))
    found = bugs_of(facts.bluez)
    for bug in found:
        if bug.harm:
            what = f"BlueZ {version} {bug.what} ({bug.source})"
            yield Finding("bluez", Level.PROBLEM, what, Whose.BLUEZ.value, bug.do)
    if not any(bug.harm for bug in found):
        yield ok("bluez", f"BlueZ {version}")
    for bug in found:
        if not bug.harm:
            whose = Whose.BLUEZ.value if bug.do else ""
            what = f"known of BlueZ {version}: {bug.what} ({bug.source})"
            yield Finding("bluez", Level.OK, what, whose, bug.do)


def kernel(facts: Facts) -> Iterator[Finding]:
    if not on_linux_radio(facts):
        return
    for bug in kernel_bugs_of(facts.kernel):
        yield warning("kernel", f"{bug.version} {bug.what}", Whose.COMPUTER, bug.do)


def rfkill(facts: Facts) -> Iterator[Finding]:
    if not on_linux_radio(facts):
        return
    for switch in facts.rfkill:
        if switch.hard:
            yield problem(
                "rfkill",
                f"{switch.name} is blocked by a switch or key of the machine",
                Whose.COMPUTER,
                "turn that switch, or flight mode, off",
            )
        elif switch.soft:
            yield problem(
                "rfkill", f"{switch.name} is blocked", Whose.COMPUTER, "rfkill unblock bluetooth"
            )


def adapters(facts: Facts) -> Iterator[Finding]:
    if not on_linux_radio(facts) or facts.bus:
        return
    usable = [a for a in facts.adapters if a.central]
    if not usable:
        raspberry = "; take dtoverlay=disable-bt out of config.txt" if facts.model else ""
        passed = "hand the adapter through to the container" if facts.container else ""
        yield problem(
            "adapters",
            "there is no adapter that talks to sensors",
            Whose.COMPUTER,
            passed or f"plug in an adapter for Bluetooth 4.0 or newer{raspberry}",
        )
    blocked = any(switch.soft or switch.hard for switch in facts.rfkill)
    for adapter in facts.adapters:
        name = f"adapter {adapter.name}"
        if not adapter.central:
            yield warning(
                name,
                "it cannot talk to sensors",
                Whose.COMPUTER,
                "use an adapter for Bluetooth 4.0",
            )
        elif not adapter.powered:
            do = "unblock it first, see rfkill" if blocked else "bluetoothctl power on"
            yield problem(name, "it is switched off", Whose.COMPUTER, do)
        else:
            slots = f"{adapter.slots} connections" if adapter.slots else f"usually {SLOTS_USUAL}"
            yield ok(name, f"on, holds {slots}", adapter.address)
        if adapter.autosuspend:
            yield warning(
                name,
                "USB may put it to sleep",
                Whose.COMPUTER,
                f"as root: echo on > /sys/class/bluetooth/{adapter.name}/device/../power/control",
            )


def macos(facts: Facts) -> Iterator[Finding]:
    if facts.platform != "darwin" or facts.radio != "os":
        return
    settings = (
        "System Settings, Privacy & Security, Bluetooth: allow your terminal, then restart it"
    )
    match facts.macos:
        case "allowed":
            yield ok("permission", "this terminal may use Bluetooth")
        case "denied" | "restricted":
            yield problem(
                "permission", "this terminal may not use Bluetooth", Whose.COMPUTER, settings
            )
        case _:
            yield warning(
                "permission",
                "macOS has not been asked yet whether this terminal may use Bluetooth",
                Whose.COMPUTER,
                f"run derny-gateway scan and allow it; else {settings}",
            )
