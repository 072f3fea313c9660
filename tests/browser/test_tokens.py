"""Contrast, computed from the tokens: axe cannot see through gradients and canvas."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).resolve().parents[2] / "web" / "tokens.css").read_text(encoding="utf-8")
ZONES = range(1, 8)


def tokens(selector: str) -> dict[str, str]:
    block = re.search(re.escape(selector) + r"\s*\{(.*?)\n\}", CSS, re.S)
    assert block is not None, f"no {selector} in tokens.css"
    return dict(re.findall(r"(--[\w-]+):\s*(#[0-9a-f]{6})", block[1]))


DARK = tokens(":root")
THEMES = {"dark": DARK, "light": DARK | tokens('[data-theme="light"]')}


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(share: float, top: str, ground: str) -> str:
    """sRGB mix, close to the style sheet's color-mix for the small shares used."""
    pairs = ((int(top[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(t * share + g * (1 - share)):02x}" for t, g in pairs)


def test_the_formula_knows_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["--bg", "--bg-2", "--surface"])
@pytest.mark.parametrize("text", ["--ink", "--ink-2", "--ink-3", "--alert", "--heart", "--ok"])
def test_text_reads_on_every_ground(theme: str, ground: str, text: str) -> None:
    colors = THEMES[theme]
    assert contrast(colors[text], colors[ground]) >= 4.5


@pytest.mark.parametrize("zone", ZONES)
def test_ink_reads_on_every_zone(zone: int) -> None:
    assert contrast(DARK["--on-zone"], DARK[f"--z{zone}"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("zone", ZONES)
def test_lines_in_a_zones_colour_read_on_the_page(theme: str, zone: int) -> None:
    colors = THEMES[theme]
    assert contrast(colors[f"--z{zone}-l"], colors["--bg"]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("zone", ZONES)
def test_text_reads_on_a_zones_tint(theme: str, zone: int) -> None:
    """Behind power (20 %) and in a rider's tile (17 %)."""
    colors = THEMES[theme]
    tint = mixed(0.20, colors[f"--z{zone}"], colors["--surface"])
    assert contrast(colors["--ink"], tint) >= 7
    assert contrast(colors["--ink-2"], tint) >= 4.5
