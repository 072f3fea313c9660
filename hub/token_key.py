"""The key that signs access tokens: a file in the keys folder, made at the first start."""

from __future__ import annotations

from pathlib import Path

from hub.auth.tokens import Tokens, new_key
from hub.core.errors import ConfigError
from hub.private_file import write_private

NAME = "token.key"


def open_tokens(folder: Path) -> Tokens:
    """Raises ConfigError for a file that cannot be used."""
    path = folder / NAME
    if not path.exists():
        write_private(path, new_key())
    try:
        path.chmod(0o600)
        return Tokens(path.read_text("ascii"))
    except OSError as error:
        problem, remedy = error.strerror or "cannot be used", "let this user read and write it"
    except ValueError:
        problem = "is no Ed25519 key"
        remedy = "remove it: every client without a cookie then needs a new token"
    raise ConfigError(str(path), "", problem, remedy=remedy)
