"""Virtual time for tests: `run` and the clock of its loop."""

from __future__ import annotations

from gateway.virtual_time import JumpingLoop, LoopClock, run

__all__ = ["JumpingLoop", "LoopClock", "run"]
