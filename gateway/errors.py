"""What stops the gateway from starting, each with one line for a person.

GatewayError
└── ConfigError     a configuration file or option is wrong: names it, its key and the remedy
"""

from __future__ import annotations


class GatewayError(Exception):
    """`str()` is one line."""


class ConfigError(GatewayError):
    """`key` is dotted ("hub.address"); empty when the file as a whole is wrong."""

    def __init__(self, file: str, key: str, problem: str, remedy: str) -> None:
        place = f"{file}: {key}" if key else file
        super().__init__(f"{place}: {problem} - {remedy}")
        self.file = file
        self.key = key
