from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub import up as up_module
from hub.up import RESTART_S_MAX, Child, Options, Refused, Up, has_adapter, restart_s

READY = "print('derny-{name}: ready{more}', flush=True); "
UNTIL_STDIN_ENDS = "import sys; sys.stdin.read()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
HUB_SAYS = " http://127.0.0.1:{port}/#token=t tcp://127.0.0.1:{uplink}"


def test_restarts_back_off_and_are_bounded() -> None:
    waits = [restart_s(deaths) for deaths in range(1, 13)]
    assert waits[0] == 0.2 and waits == sorted(waits) and max(waits) == RESTART_S_MAX


def test_an_adapter_is_a_hci_device_of_the_kernel(tmp_path: Path) -> None:
    assert not has_adapter(tmp_path / "none")
    assert not has_adapter(tmp_path)
    (tmp_path / "hci0").mkdir()
    assert has_adapter(tmp_path)


# One child


def child(code: str, said: list[str] | None = None) -> Child:
    lines = [] if said is None else said
    return Child("derny-x", lambda: ("-c", code), lambda line: None, lines.append)


def test_a_child_that_refuses_its_configuration_is_not_started_again() -> None:
    with pytest.raises(Refused):
        asyncio.run(child("import sys; sys.exit(2)").run())


def test_a_child_that_was_ready_before_is_started_again_whatever_it_ends_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(up_module, "HEALTHY_S", 3_600.0)  # however slow the machine is

    async def scene() -> None:
        said: list[str] = []
        one = child(READY.format(name="x", more="") + "import sys; sys.exit(2)", said)
        running = asyncio.create_task(one.run())
        while len(said) < 2:
            await asyncio.wait({running}, timeout=0.02)
            assert not running.done()
        assert "again in 0.2 s" in said[0] and "again in 0.4 s" in said[1]
        await one.stop(asyncio.Event())
        await running

    asyncio.run(scene())


def test_a_child_stopped_between_two_lives_stays_dead() -> None:
    async def scene() -> None:
        said: list[str] = []
        one = child("pass", said)
        running = asyncio.create_task(one.run())
        while not said:
            await asyncio.wait({running}, timeout=0.01)
        before = one.process
        await one.stop(asyncio.Event())
        await running
        assert one.process is before

    asyncio.run(scene())


def test_a_child_that_ignores_sigterm_is_killed_when_there_is_a_hurry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(up_module, "STOP_S_MAX", 3_600.0)

    async def scene() -> None:
        one = child(DEAF + READY.format(name="x", more="") + "import time; time.sleep(600)")
        running = asyncio.create_task(one.run())
        await one.ready.wait()
        hurry = asyncio.Event()
        hurry.set()
        await one.stop(hurry)
        await running
        assert one.process is not None and one.process.returncode == -signal.SIGKILL

    asyncio.run(scene())


# The house, with children of our own making


class Stage:
    """`Up` whose children are one line of Python each, by the module they stand for."""

    def __init__(
        self, data: Path, monkeypatch: pytest.MonkeyPatch, codes: dict[str, str], *, demo: bool
    ) -> None:
        self.starts: list[tuple[str, ...]] = []
        self.said: list[str] = []
        self._codes = codes
        self._real = asyncio.create_subprocess_exec
        monkeypatch.setattr(asyncio, "create_subprocess_exec", self._spawn)
        arguments = ("--port", "0", "--uplink-port", "0")
        self.up = Up(Options(data, demo, not demo, "solo", arguments), self.said.append)

    async def _spawn(self, *words: str, **more: Any) -> Any:
        self.starts.append(words[1:])
        return await self._real(sys.executable, "-c", self._codes[words[2]], **more)

    def of(self, module: str) -> list[tuple[str, ...]]:
        return [words for words in self.starts if words[1] == module]

    async def until(self, true: Callable[[], object], running: asyncio.Task[int]) -> None:
        while not true():
            await asyncio.wait({running}, timeout=0.02)
            if running.done():
                running.result()
                raise AssertionError("it ended")


def codes(hub: str | None = None) -> dict[str, str]:
    said = HUB_SAYS.format(port=5001, uplink=5002)
    return {
        "firmware_sim": READY.format(name="sim", more="") + UNTIL_STDIN_ENDS,
        "hub": hub or READY.format(name="hub", more=said) + UNTIL_STDIN_ENDS,
        "gateway": READY.format(name="gateway", more="") + UNTIL_STDIN_ENDS,
    }


def test_a_hub_that_comes_back_keeps_its_ports_and_its_link_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene() -> None:
        stage = Stage(tmp_path, monkeypatch, codes(), demo=True)
        running = asyncio.create_task(stage.up.run())
        await stage.until(lambda: stage.of("gateway"), running)
        hub = next(child for child in stage.up._children if child.name == "derny-hub")
        assert hub.process is not None
        hub.process.kill()
        await stage.until(lambda: len(stage.of("hub")) == 2, running)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0
        assert stage.of("hub")[1][-4:] == ("--port", "5001", "--uplink-port", "5002")
        assert [line for line in stage.said if "token" in line] == [
            "Open http://127.0.0.1:5001/#token=t"
        ]

    asyncio.run(scene())


def test_a_hub_that_comes_back_knows_that_the_demo_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = HUB_SAYS.format(port=5001, uplink=5002)
    asks = READY.format(name="hub", more=said) + "print('derny-hub: ask demo', flush=True); "

    async def scene() -> None:
        stage = Stage(tmp_path, monkeypatch, codes(asks + UNTIL_STDIN_ENDS), demo=False)
        running = asyncio.create_task(stage.up.run())
        await stage.until(lambda: len(stage.of("gateway")) == 2, running)
        assert "--radio" not in stage.of("gateway")[0] and "--radio" in stage.of("gateway")[1]
        assert "--demo" not in stage.of("hub")[0]
        hub = next(child for child in stage.up._children if child.name == "derny-hub")
        assert hub.process is not None
        hub.process.kill()
        await stage.until(lambda: len(stage.of("hub")) == 2, running)
        assert "--demo" in stage.of("hub")[1]
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0

    asyncio.run(scene())


def test_a_signal_during_the_start_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        stage = Stage(tmp_path, monkeypatch, codes(hub=UNTIL_STDIN_ENDS), demo=True)
        running = asyncio.create_task(stage.up.run())
        await stage.until(lambda: stage.of("hub"), running)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await running == 0
        assert not stage.of("gateway")

    asyncio.run(scene())


def test_a_second_signal_does_not_wait_for_the_deaf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = HUB_SAYS.format(port=5001, uplink=5002)
    deaf = DEAF + READY.format(name="hub", more=said) + "import time; time.sleep(600)"

    monkeypatch.setattr(up_module, "STOP_S_MAX", 3_600.0)

    async def scene() -> None:
        stage = Stage(tmp_path, monkeypatch, codes(deaf), demo=True)
        running = asyncio.create_task(stage.up.run())
        await stage.until(lambda: stage.of("gateway"), running)
        stage.up._signalled()
        stage.up._signalled()
        assert await asyncio.wait_for(running, 30) == 0

    asyncio.run(scene())


def test_a_refusal_ends_the_house_with_status_2_and_a_fault_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(hub: str) -> int:
        return await Stage(tmp_path, monkeypatch, codes(hub), demo=True).up.run()

    assert asyncio.run(scene("import sys; sys.exit(2)")) == 2
    with pytest.raises(ExceptionGroup):  # a line without an end: no child of ours says that
        asyncio.run(scene("print('x' * 300_000, flush=True)"))


def test_a_folder_too_deep_for_sockets_gets_them_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("ü" * 45)  # characters count once, bytes twice
    deep.mkdir()
    up = Up(Options(deep, True, False, "solo", ()), lambda line: None)
    assert up._run_dir.parent != deep
    up._run_dir.rmdir()
