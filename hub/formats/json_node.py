"""A JSON file of doubtful make, walked object by object: keys in any case, numbers as strings.

A file that says things in its own spelling is read all the same; what cannot be read is a warning
with the path to it (`workoutSegments[0].workoutSteps[2].endCondition`).
"""

from __future__ import annotations

import json
from typing import Any

from hub.core.errors import UserError
from hub.formats.decimals import finite
from hub.formats.imported import Doubts, one_line, text_of

PATH_CHARS_MAX = 120


class Node:
    """One object and where it stands."""

    def __init__(self, value: dict[str, Any], path: str, doubts: Doubts) -> None:
        self._value = {str(key).lower(): each for key, each in value.items()}
        self._doubts = doubts
        self.path = path

    def has(self, key: str) -> bool:
        return self._value.get(key.lower()) is not None

    def child(self, key: str) -> Node | None:
        """The object under this key; a string that holds JSON is opened."""
        value = self._raw(key)
        return self._node(value, self._at(key)) if isinstance(value, dict) else None

    def children(self, key: str) -> list[Node]:
        """The objects of the list under this key; what is none is a warning."""
        value = self._raw(key)
        if isinstance(value, dict):  # a list of one, written without its brackets
            return [self._node(value, self._at(key))]
        if not isinstance(value, list):
            return []
        found = []
        for index, each in enumerate(value):
            path = f"{self._at(key)}[{index}]"
            if isinstance(each, dict):
                found.append(self._node(each, path))
            elif each is not None:
                warn(self._doubts, path, "is no object; left out")
        return found

    def number(self, key: str) -> float | None:
        value = self._value.get(key.lower())
        if value is None or value == "" or isinstance(value, bool):
            return None
        number = number_of(value)
        if number is None:
            self.warn(f"{key} {one_line(str(value), 20)!r} is no number")
        return number

    def text(self, key: str, chars_max: int) -> str:
        value = self._value.get(key.lower())
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            return ""
        # A lone surrogate ("\ud800") is legal in JSON, and in no encoding.
        return one_line(value.encode("utf-8", "replace").decode(), chars_max)

    def word(self, key: str) -> str:
        """A name out of a table: lower case, letters and digits only."""
        return "".join(c for c in self.text(key, 60).lower() if c.isalnum())

    def is_true(self, key: str) -> bool:
        value = self._value.get(key.lower())
        return value is True or value == 1 or str(value).lower() == "true"

    def warn(self, text: str) -> None:
        warn(self._doubts, self.path, text)

    def _raw(self, key: str) -> Any:
        value = self._value.get(key.lower())
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                return json.loads(value)
            except (ValueError, RecursionError):
                warn(self._doubts, self._at(key), "is a string of broken JSON; left out")
        return value

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def _node(self, value: dict[str, Any], path: str) -> Node:
        return Node(value, path, self._doubts)


def root_of(data: bytes, doubts: Doubts) -> Node:
    """The object that a file is; of a list of them the first. Raises UserError."""
    text = text_of(data, doubts)
    try:
        value = json.loads(text)
    except RecursionError:
        raise UserError("the JSON is nested too deeply", remedy="a workout never is") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"broken JSON in line {error.lineno}: {error.msg}", remedy="save or download it again"
        ) from None
    except ValueError:  # an integer of thousands of digits
        raise UserError("a number in the file is too long", remedy="a workout has none") from None
    if isinstance(value, list):
        objects = [each for each in value if isinstance(each, dict)]
        if len(objects) > 1:
            doubts.warn(0, f"the file holds {len(objects)} workouts; the first one is read")
        value = objects[0] if objects else None
    if not isinstance(value, dict):
        raise UserError("the JSON holds no object", remedy="is it a workout?")
    return Node(value, "", doubts)


def warn(doubts: Doubts, path: str, text: str) -> None:
    doubts.warn(0, f"{path[-PATH_CHARS_MAX:]}: {text}" if path else text)


def number_of(value: object) -> float | None:
    """A finite number, also from a string ("90", "0,9")."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return finite(str(value))
