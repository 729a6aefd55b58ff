"""Seconds and peak memory of whole processes, imports included."""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

KILOBYTE = 1024


@dataclass(frozen=True)
class Measurement:
    """One run of a command: seconds by the clock and of all cores, its largest resident set, its last line."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    exit_code: int
    last_line: str


def measure(command: Sequence[str]) -> Measurement:
    """Runs a command to its end.

    The peak is what the system accounts to that process and to those that it waited for. A process begins its account
    with the size of the one that started it, so whoever calls this should be small: import no numpy beside it.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    output = process.stdout.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - started
    lines = output.strip().splitlines()
    cpu_seconds = usage.ru_utime + usage.ru_stime
    last_line = lines[-1] if lines else ""
    return Measurement(seconds, cpu_seconds, usage.ru_maxrss * KILOBYTE, process.returncode, last_line)


def interleaved(commands: Sequence[Sequence[str]], runs: int) -> list[list[Measurement]]:
    """``runs`` measurements of each command, one of each in turn, so that all meet the same moods of the machine."""
    results: list[list[Measurement]] = [[] for _ in commands]
    for _ in range(runs):
        for command, measurements in zip(commands, results, strict=True):
            measurements.append(measure(command))
    return results
