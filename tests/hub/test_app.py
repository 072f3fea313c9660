from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from hub.app import _first_link, _listen
from hub.core.errors import ConfigError
from hub.settings import Settings
from hub.store.errors import DiskFull


def test_a_port_in_use_names_key_and_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="in use - stop the program") as caught:
            _listen(Settings().with_ports(port, None))
    assert caught.value.key == "http.port"
    _listen(Settings().with_ports(port, None)).close()  # nothing keeps it


def test_a_hub_that_comes_back_on_a_full_disk_serves_without_a_new_link() -> None:
    class Full:
        base = "http://127.0.0.1:1"

        async def link(self) -> str:
            raise DiskFull

    hub: Any = Full()
    assert asyncio.run(_first_link(hub)) == "http://127.0.0.1:1"
