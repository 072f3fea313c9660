"""What every client of `/live` does alike, as figures: the page, the Python client, simulated ones.

`web/constants.js` is written from here.
"""

from __future__ import annotations

COMMANDS_MAX = 8  # under way at once; the hub refuses more

SILENCE_MS = 3_000  # nothing heard for so long: the link is dead, whatever the socket says

# Coming back: BACKOFF_MS, longer by BACKOFF_FACTOR each time, times 0.5 to 1.5 by chance, so that
# those who lost one hub do not come back in one instant. The hub's own `retry_ms` goes before, as
# it is: the hub has drawn it.
BACKOFF_MS = 400
BACKOFF_FACTOR = 1.8
BACKOFF_MS_MAX = 8_000

REFRESH_MS = 60_000  # so long before its end a token is exchanged for a new one

# The clock exchange (docs/reference/live-protocol.md#clock-1).
CLOCK_SAMPLES_MAX = 16
CLOCK_SAMPLES_FIRST = 8  # asked for in quick succession
CLOCK_FIRST_MS = 50
CLOCK_QUIET_MS = 1_000  # nothing else was heard for so long: the answer is the sign of life
CLOCK_EVERY_MS = 5_000  # or the drift of two crystals would outgrow the round trip
CLOCK_DRIFT_PPM = 100  # two crystals of 50 ppm each
CLOCK_JUMP_MS = 500  # wall and monotonic clock went apart: this device slept

ROW_LATE_MS = 500  # a tick of the slowest page: so much older may a number be than its limit says

# A cue so near when other news comes rings all the same: the news of a phase that begins may be
# here before the timer of the cue that says so.
CUE_NEAR_MS = 50
