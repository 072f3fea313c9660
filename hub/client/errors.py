"""What the client raises; `str()` is one line for people."""

from __future__ import annotations


class ClientError(Exception):
    """Of all below."""


class Refused(ClientError):
    """The hub does not let this client in, or not any more. To come back would change nothing."""


class Unanswered(ClientError):
    """A command got no reply in time. The hub may have done it: asked again under the same key,
    it answers with what became of it."""


class TooMany(ClientError):
    """More commands wait than are kept."""
