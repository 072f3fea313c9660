"""Everything the hub raises on purpose.

    DernyError                  message, and a remedy that a person can carry out
    ├── UserError               the caller's fault: what was sent or written is wrong
    │   ├── ConfigError         a configuration or scenario file: names the file and the key
    │   ├── NotFound            no such thing, or none that this caller may know of
    │   ├── Denied              the caller may not do this
    │   └── Conflict            right in itself, but not now: the state forbids it
    │       └── IllegalInput    the interval engine has no row for (status, input)
    └── Unavailable             our fault or the machine's: the same request may work later

`code` is the word that goes out on every wire; a boundary (HTTP, live socket, command line)
turns it into its own numbers and never looks at the message.
"""

from __future__ import annotations

from typing import ClassVar


class DernyError(Exception):
    """`str()` is one line: the message, and after a dash the remedy if there is one."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} - {self.remedy}" if self.remedy else self.message


class UserError(DernyError):
    code = "bad_input"


class ConfigError(UserError):
    """`key` is dotted (`listen.port`); empty when the file as a whole is wrong."""

    code = "bad_config"

    def __init__(self, file: str, key: str, problem: str, *, remedy: str = "") -> None:
        place = f"{file}: {key}" if key else file
        super().__init__(f"{place}: {problem}", remedy=remedy)
        self.file = file
        self.key = key


class NotFound(UserError):
    code = "not_found"


class Denied(UserError):
    code = "denied"


class Conflict(UserError):
    code = "conflict"


class IllegalInput(Conflict):
    code = "illegal_input"

    def __init__(self, input_name: str, status: str) -> None:
        super().__init__(f"{input_name} is not possible while {status}")
        self.input_name = input_name
        self.status = status


class Unavailable(DernyError):
    code = "unavailable"
