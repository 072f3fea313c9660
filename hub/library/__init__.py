"""The workouts on this hub: those that came as files, and those that people keep."""

from hub.library.library import Entry, Library
from hub.library.shelf import Shelf

__all__ = ["Entry", "Library", "Shelf"]
