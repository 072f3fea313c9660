"""Types of this folder's fixtures."""

from __future__ import annotations

from collections.abc import Callable

from browser.staged_ride import Session
from playwright.sync_api import Page

OpenPage = Callable[..., Page]
StageRide = Callable[..., Session]
