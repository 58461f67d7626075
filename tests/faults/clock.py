"""A wrong clock for the kernel's process: a preloaded library adds an offset, which may change while it runs.

Only the time of day jumps. What measures lengths of time goes on evenly, as it does when a real clock is set.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("STORM_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *found = file < 0 ? MAP_FAILED : mmap(0, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (found != MAP_FAILED) offset = found;
    if (file >= 0) close(file);
}

int clock_gettime(clockid_t clock, struct timespec *told) {
    int failed = syscall(SYS_clock_gettime, clock, told);
    if (!failed && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) told->tv_sec += *offset;
    return failed;
}

int gettimeofday(struct timeval *told, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    told->tv_sec = now.tv_sec;
    told->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *told) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (told) *told = now.tv_sec;
    return now.tv_sec;
}
"""
LEAST_SECONDS = 1000


class WrongClock:
    """The clock of the processes that run with `environment`. `missing` says why there is none, or nothing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._offset = folder / "offset"
        self._library = folder / "clock.so"
        self.environment: dict[str, str] = {}
        self.set(LEAST_SECONDS * 2)
        self.missing = self._build(folder / "clock.c")
        self.set(0)

    def set(self, seconds: float) -> None:
        """Jump: from now on it is wrong by so much."""
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(int(seconds).to_bytes(8, sys.byteorder, signed=True))

    def _build(self, source: Path) -> str:
        if not sys.platform.startswith("linux"):
            return "a preloaded library needs Linux"
        source.write_text(SOURCE)
        environment = {"LD_PRELOAD": str(self._library), "STORM_CLOCK": str(self._offset)}
        compiler = ["cc", "-shared", "-fPIC", "-O2", "-o", str(self._library), str(source)]
        look = [sys.executable, "-c", "import datetime as d; print(d.datetime.now(d.timezone.utc).timestamp())"]
        try:
            subprocess.run(compiler, capture_output=True, timeout=60, check=True)
            wrong, right = (
                float(subprocess.run(look, capture_output=True, timeout=60, check=True, env=env).stdout)
                for env in (environment, {})
            )
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return f"no library that sets the clock can be made: {error}"
        if wrong - right < LEAST_SECONDS:
            return "Python does not ask the preloaded library for the time"
        self.environment = environment
        return ""
