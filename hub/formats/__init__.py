"""Files in and out: bytes <-> Workout and Activity. No network, no disk; sizes are bounded."""
