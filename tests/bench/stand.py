"""A server under test: a process of its own, told what to do by single bytes on its stdin."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bench.figures import cpu_s, rss_kb

FILES_WANTED = 65_536


def allow_many_files() -> None:
    """Both ends raise their limit as far as they may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def keep_to_one_core() -> None:
    """This process, and those that it starts from now on."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def keep_to_all() -> None:
    os.sched_setaffinity(0, range(os.cpu_count() or 1))


class Stand:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pid = process.pid
        self.said = self.hear()
        self.port: int = self.said["port"]

    def tell(self, order: str) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(order)
        stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next line of JSON that the server prints."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server under test ended: {self._process.args!r}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def cpu_s(self) -> float:
        return cpu_s(self.pid)

    def rss_kb(self) -> int:
        return rss_kb(self.pid)


@contextmanager
def stand(module: str, *arguments: str) -> Iterator[Stand]:
    """`python -m module arguments`; it ends with its stdin."""
    with stand_of(sys.executable, "-m", module, *arguments) as found:
        yield found


@contextmanager
def stand_of(*command: str) -> Iterator[Stand]:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Stand(process)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
