"""What the spool's thread does once a second: fsync blocks, and the loop steers trainers."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.spool_file import STATE_NAME
from gateway.spool_stream import Stream


@dataclass(frozen=True, slots=True)
class SyncJob:
    """What is to be done, in this order; then nothing of it can come back.

    Descriptors to make durable and to close, the state to write, files to remove. What follows is
    for the loop, once all of it is done: up to where each stream is then settled, and the forgotten
    epochs that the state need not know any more.
    """

    sync: tuple[int, ...]
    close: tuple[int, ...]
    state: bytes | None
    remove: tuple[str, ...]
    settled: tuple[tuple[Stream, int], ...]
    gone: tuple[str, ...]


def carry_out(folder: Path, job: SyncJob) -> None:
    """In the thread. Raises OSError unless all of it is durable."""
    problem: OSError | None = None
    for fd in job.sync:
        try:
            os.fsync(fd)
        except OSError as error:
            problem = error
    for fd in job.close:
        with suppress(OSError):
            os.close(fd)
    if job.state is not None:
        try:
            _replace(folder / STATE_NAME, job.state)
        except OSError:
            # A full disk gets no better by keeping what nobody needs. The state that is there knows
            # streams that are forgotten, and of the others the hub says what it has.
            _remove(folder, job.remove)
            _replace(folder / STATE_NAME, job.state)
        _remove(folder, job.remove)
    _sync_folder(folder)
    if problem is not None:
        raise problem


def _remove(folder: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    draft = path.with_suffix(".draft")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def _sync_folder(folder: Path) -> None:
    with suppress(PermissionError):  # Windows opens no folder
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
