"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hub.core.errors import ConfigError


def write_private(path: Path, text: str) -> None:
    """Replaces `path` (0600) in one step, durably. Raises ConfigError."""
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(file, "w", encoding="utf-8") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            str(path), "", f"cannot be written: {error.strerror}", remedy="name another place"
        ) from None
