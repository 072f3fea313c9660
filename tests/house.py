"""A whole Derny as real processes in a folder of its own, for tests that ride, look and kill."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_S_MAX = 120.0
STOP_S_MAX = 60.0
PATIENCE_S = 60.0  # a machine that stalls is slow, not wrong: costs nothing when all is well


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(true: Any, within_s: float, what: str) -> Any:
    """Polls a condition of another process; the only waiting there is across a process border."""
    end_s = time.monotonic() + within_s
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@dataclass
class House:
    data: Path
    port: int
    uplink_port: int
    arguments: tuple[str, ...]
    process: subprocess.Popen[str] | None = None
    link: str = ""
    cookie: str = ""
    said: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {**os.environ, "DERNY_DATA": str(self.data), "PYTHONUNBUFFERED": "1"}

    def start(self) -> None:
        if self.process is not None:
            self.close_pipes()
        log = (self.data / "stderr.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hub", "up", "--port", str(self.port),
             "--uplink-port", str(self.uplink_port), *self.arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            text=True, env=self.environment(), cwd=self.data,
        )  # fmt: skip
        log.close()
        self.link = self._read_link()

    def _read_link(self) -> str:
        assert self.process is not None and self.process.stdout is not None
        end_s = time.monotonic() + START_S_MAX
        while time.monotonic() < end_s:
            if not select.select([self.process.stdout], [], [], 0.2)[0]:
                continue
            line = self.process.stdout.readline()
            self.said.append(line)
            if match := re.search(r"https?://\S+", line):
                return match[0]
            if not line:
                break
        raise AssertionError(f"no link: {''.join(self.said)}\n{self.stderr()[-3000:]}")

    def stderr(self) -> str:
        return (self.data / "stderr.log").read_text()

    def login(self) -> None:
        token = self.link.partition("#token=")[2]
        request = urllib.request.Request(
            f"{self.base}/api/login",
            json.dumps({"token": token}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            self.cookie = answer.headers["set-cookie"].split(";")[0]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded body; raises AssertionError with the hub's own words when refused."""
        status, answer = self.ask(method, path, body)
        assert status < 400, f"{method} {path}: {status} {answer}"
        return answer

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        request = urllib.request.Request(
            self.base + path,
            None if body is None else json.dumps(body).encode(),
            {"content-type": "application/json", "cookie": self.cookie},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                raw, status = answer.read(), answer.status
        except urllib.error.HTTPError as error:
            raw, status = error.read(), error.code
        except OSError as error:
            return 599, str(error)
        try:
            return status, json.loads(raw) if raw else None
        except ValueError:
            return status, raw

    def children(self) -> dict[str, int]:
        """Name of each child module and its pid."""
        assert self.process is not None
        found = {}
        task = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in task.read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "-m" in words:
                found[words[words.index("-m") + 1]] = int(pid)
        return found

    def kill(self, module: str, signum: int = signal.SIGKILL) -> int:
        pid = self.children()[module]
        os.kill(pid, signum)
        return pid

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("derny up did not end on SIGTERM") from None
        finally:
            self.close_pipes()

    def close_pipes(self) -> None:
        assert self.process is not None
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def derny(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hub", *words],
            capture_output=True, text=True, env=self.environment(), cwd=self.data,
            timeout=2 * PATIENCE_S, check=False,
        )  # fmt: skip


@contextmanager
def house(data: Path, *arguments: str) -> Iterator[House]:
    """Started, logged in, stopped at the end whatever happens."""
    built = House(data, free_port(), free_port(), arguments)
    try:
        built.start()
        built.login()
        yield built
    finally:
        if built.process is not None and built.process.poll() is None:
            built.stop()
