"""Checks the web client without a browser: contracts current, types right (`tsc --noEmit`).

Part of `make lint`; needs what `python web/vendor.py --dev` installs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent
VENV = WEB.parent / ".venv"
TSC = VENV / "npm" / "node_modules" / "typescript" / "bin" / "tsc"


def main() -> int:
    if subprocess.run([sys.executable, WEB / "protocol.py", "--check"], check=False).returncode:
        return 1
    beside = os.pathsep.join((str(VENV / "bin"), str(VENV / "Scripts")))
    node = shutil.which("node", path=beside) or shutil.which("node")
    if node is None or not TSC.exists():
        print("web/check.py: no TypeScript; run: python web/vendor.py --dev", file=sys.stderr)
        return 1
    return subprocess.run([node, TSC, "--noEmit", "-p", WEB], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
