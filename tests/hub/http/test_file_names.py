from __future__ import annotations

import pytest

from hub.http.bodies import file_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("4 x 8 Threshold", "4-x-8-threshold.fit"),
        ("Évening ride!", "evening-ride.fit"),
        ("../../etc/passwd", "etc-passwd.fit"),
        ('a"; b\r\n', "a-b.fit"),
        ("騎行", "ride.fit"),
        ("", "ride.fit"),
    ],
)
def test_a_title_becomes_a_name_that_every_disk_takes(title: str, name: str) -> None:
    assert file_name(title, "ride", "fit") == name
