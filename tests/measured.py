"""What a command costs, in a process of its own."""

import os
import subprocess
import sys
import time


def measured(*arguments: str) -> tuple[float, float, float]:
    """Run `upa-cds` and return seconds, seconds of CPU, and the most memory of one process, in MiB.

    It must end with exit code 0.
    """
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "service", *arguments], stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"upa-cds {arguments[0]} ended with exit code {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
