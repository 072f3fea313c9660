"""What a kill does to a spool on disk, in a process that lives on."""

from __future__ import annotations

import os

from gateway.spool_disk import DiskSpool


def killed(spool: DiskSpool) -> None:
    """No close, no state: only what the kernel takes back, and a thread that has stopped."""
    spool._thread.shutdown()
    segments = [segment for stream in spool._streams.values() for segment in stream.segments]
    closed = set() if spool._job is None else set(spool._job[0].close)
    for fd in {segment.fd for segment in segments} | set(spool._writer._to_close) - closed - {-1}:
        if fd >= 0:
            os.close(fd)
    os.close(spool._lock)
