"""Sensors that do not exist: riders, their devices, and the radio between them and a gateway.

`athlete`, `devices`, `faults` and `scenario` are pure: time is an argument, chance is a seed.
`air`, `bleak_air`, `peripheral`, `studio`, `daemon`, `control` and `cli` are the shell around them.
"""
