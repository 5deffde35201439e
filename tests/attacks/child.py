"""What the child that decodes pictures has used; a module of its own, so that asking for it imports nothing there."""

import os
from pathlib import Path


def usage() -> tuple[float, int]:
    """Seconds of processor time, and the most bytes of memory, since it was started."""
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return sum(os.times()[:2]), int(status.split()[0]) * 1024
