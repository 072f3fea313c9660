"""The virtual machine: Debian's kernel under QEMU without KVM, the host's files read-only."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent
MEMORY_MB = 1024


class NotPrepared(Exception):
    """`prepare` has said why on stderr."""


@dataclass(frozen=True, slots=True)
class Machine:
    """`boot` holds `vmlinuz` and `initramfs`; the console's text goes to a file beside them."""

    boot: Path

    @property
    def console(self) -> Path:
        return self.boot / "console.log"

    def command(self, only: Sequence[str] = ()) -> list[str]:
        """`only`: names of the cases to run; none: all."""
        # A comma in a value of QEMU's is written twice.
        console = str(self.console).replace(",", ",,")
        # What the kernel does not know is a variable of init's environment.
        variables = f'project="{PROJECT}" only="{" ".join(only)}"'
        share = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
        return [
            "qemu-system-x86_64",
            *("-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "1", "-m", str(MEMORY_MB)),
            *("-display", "none", "-monitor", "none", "-net", "none", "-no-reboot"),
            *("-kernel", str(self.boot / "vmlinuz"), "-initrd", str(self.boot / "initramfs")),
            *("-append", f"console=ttyS0 loglevel=5 panic=-1 {variables}"),
            *("-virtfs", share),
            *("-serial", f"file:{console}", "-serial", "stdio"),
        ]

    def lines(self, limit_s: float, only: Sequence[str] = ()) -> Iterator[str]:
        """What the guest writes to its second serial port, until it is switched off or `limit_s`
        are over: then it is killed."""
        with subprocess.Popen(
            self.command(only), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        ) as process:
            limit = threading.Timer(limit_s, process.kill)
            limit.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    yield line.strip()
            finally:
                limit.cancel()
                process.kill()


def prepared() -> Machine:
    """Raises NotPrepared."""
    done = subprocess.run([str(HERE / "prepare")], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise NotPrepared
    return Machine(Path(done.stdout.strip()))
