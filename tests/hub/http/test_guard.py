from __future__ import annotations

import pytest

from hub.http.guard import cookie_of, host_name, refuse_host, refuse_origin
from hub.http.pages import script_hashes


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:8420", "127.0.0.1"),
        ("localhost", "localhost"),
        ("[::1]:8420", "::1"),
        ("evil.example:8420", "evil.example"),
        ("127.0.0.1.evil.example", "127.0.0.1.evil.example"),
        ("[broken", ""),
        ("", ""),
    ],
)
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name
    assert refuse_host({"host": host}) == (name not in {"127.0.0.1", "localhost", "::1"})


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),  # a program
        ({"origin": "http://127.0.0.1:8420"}, False),
        ({"origin": "http://127.0.0.1:8420", "sec-fetch-site": "same-origin"}, False),
        ({"origin": "http://127.0.0.1:9999"}, True),  # another program's page on this computer
        ({"origin": "http://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": "http://[broken"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "none"}, False),
    ],
)
def test_foreign_pages_are_told_by_what_browsers_send(
    headers: dict[str, str], refused: bool
) -> None:
    assert refuse_origin({"host": "127.0.0.1:8420", **headers}) is refused


@pytest.mark.parametrize(
    ("cookie", "value"),
    [
        ('prefs={"a":1, "b":[2]}; derny=abc', "abc"),  # another program's on this computer
        ("derny=abc", "abc"),
        ("a=b; derny=x; c=d", "x"),
        ("", ""),
        ("a=b", ""),
        ("\x00;=;;", ""),
    ],
)
def test_our_cookie_among_others(cookie: str, value: str) -> None:
    assert cookie_of({"cookie": cookie}) == value


def test_only_inline_scripts_are_hashed() -> None:
    page = b'<script type="importmap">{}</script><script src="/app.js"></script>'
    # sha256 of b"{}"
    assert script_hashes(page) == ["'sha256-RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o='"]
