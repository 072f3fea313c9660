"""Sensors have names that tell nobody their address, in messages and in logs."""

from __future__ import annotations

import io
import logging
import stat
from pathlib import Path

import pytest
import structlog

from gateway.errors import ConfigError
from gateway.identity import TAG_HEX, Identity, site_identity, without_addresses
from gateway.log import Libraries, configure, scrub

ADDRESS = "C0:DE:00:00:00:01"


def test_a_sensor_has_one_name_however_its_address_is_spelt() -> None:
    identity = Identity(b"a" * 32)
    name = identity.sensor_id(ADDRESS)
    assert len(name) == TAG_HEX and set(name) <= set("0123456789abcdef")
    assert name == identity.sensor_id("c0-de-00-00-00-01") == identity.sensor_id("C0DE00000001")
    assert name != identity.sensor_id("C0:DE:00:00:00:02")
    assert name != Identity(b"b" * 32).sensor_id(ADDRESS)


def test_a_serial_recognises_its_sensor_unless_it_tells_nothing() -> None:
    identity = Identity(b"a" * 32)
    tag = identity.serial_tag("12345", "H10")
    assert len(tag) == TAG_HEX
    assert tag != identity.serial_tag("12345", "H9") != identity.serial_tag("1234", "5H9")
    for empty in ("", "0", "12", "00000", "0000-0000", "   "):
        assert identity.serial_tag(empty, "H10") == ""


def test_the_site_key_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    first = site_identity(tmp_path)
    key = tmp_path / "keys" / "site"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    assert site_identity(tmp_path).sensor_id(ADDRESS) == first.sensor_id(ADDRESS)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in key.parent.iterdir()] == ["site"]


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_broken_site_key_is_said_and_never_replaced(tmp_path: Path, content: str) -> None:
    key = tmp_path / "keys" / "site"
    key.parent.mkdir()
    key.write_text(content)
    with pytest.raises(ConfigError, match="keys/site: is not 64 hex digits - put the site's key"):
        site_identity(tmp_path)
    assert key.read_text() == content


@pytest.mark.parametrize(
    "text",
    [
        f"Device with address {ADDRESS} was not found.",
        "device 'dev_C0_DE_00_00_00_01' not found",
        "/org/bluez/hci0/dev_C0_DE_00_00_00_01/service0010",
        "c0-de-00-00-00-01",
        "peripheral 0A1B2C3D-1111-2222-3333-444455556666",
    ],
)
def test_addresses_are_taken_out_of_texts(text: str) -> None:
    clean = without_addresses(text)
    assert "[address]" in clean
    for part in (ADDRESS, "C0_DE", "c0-de", "444455556666"):
        assert part not in clean


def test_other_numbers_stay() -> None:
    text = "char 00002a37-0000-1000-8000-00805f9b34fb at 2026-11-20T07:23:14 of 12:34:56"
    assert without_addresses(text) == text


def test_no_line_of_the_log_holds_an_address_or_a_measurement() -> None:
    out = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=[
            structlog.processors.format_exc_info,
            scrub,
            structlog.processors.LogfmtRenderer(),
        ],
    )
    log.warning(
        "lost",
        device=ADDRESS,
        devices=[ADDRESS],
        heart_rate_bpm=171,
        power_w=250,
        data=b"\x16\xab",
        sensor="41637b815ca71f7630a6",
        rssi_dbm=-60,
    )
    try:
        raise RuntimeError(f"no such device {ADDRESS}")
    except RuntimeError:
        log.exception("bug")
    text = out.getvalue()
    assert ADDRESS not in text and "171" not in text and "250" not in text and "xab" not in text
    assert "41637b815ca71f7630a6" in text and "rssi_dbm=-60" in text and "RuntimeError" in text


def test_what_a_library_says_is_a_scrubbed_line_of_the_log(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure()
    library = logging.Logger("bleak.backends.winrt.client")
    library.addHandler(Libraries())
    library.warning("%s: unhandled services changed event", ADDRESS)
    library.warning("%d frames lost", ADDRESS)
    try:
        raise RuntimeError(f"no such device {ADDRESS}")
    except RuntimeError:
        library.exception("Task exception was never retrieved")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and ADDRESS not in "".join(lines)
    assert "level=warning" in lines[0] and "services changed" in lines[0]
    assert "frames lost" in lines[1] and "level=error" in lines[2] and "RuntimeError" in lines[2]


def test_a_line_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    class Terminal(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

    monkeypatch.setattr("sys.stderr", Terminal())
    configure()
    structlog.get_logger().info("ready")
    assert len(written) == 1 and written[0].endswith("event=ready\n")
