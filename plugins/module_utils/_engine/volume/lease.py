# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of a volume that survive kill -9, lost machines and network file systems.

Two things together: a ``flock``, which the kernel gives back when its holder dies, and a lease, a small file
that the holder rewrites again and again. Where one kernel keeps the locks of both sides, the ``flock`` decides
at once. Otherwise whoever waits watches the lease with its own monotonic clock: a lease that stands still for
its whole time belongs to nobody. No two clocks are ever compared.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from ..tools.errors import Busy
from .durable import new_word
from .failures import storage_errors
from .holder import Holder, this_holder, try_flock
from .lease_record import LeaseRecord, LeaseState
from .root import Volume

_POLL_SECONDS = 0.2
# Longer than any pause between another's last look at the lease and its first write.
_SETTLE_SECONDS = 1.0
_FILE_MODE = 0o640


class Lease:
    """A lock that is held; call :meth:`check` before anything that must not happen without it."""

    def __init__(self, name: str, record: LeaseRecord, holder: Holder, seconds: float) -> None:
        self.name = name
        self._record = record
        self._holder = holder
        self._seconds = seconds
        self._owner = new_word()
        self._counter = 0
        self._ended = threading.Event()
        self._one_at_a_time = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="lease-" + name, daemon=True)

    def check(self) -> None:
        """Raise Busy when another run took the lock over, VolumeError when the lease cannot be read."""
        with storage_errors("Reading the lock '%s'" % self.name, "No finished backup was touched."), self._one_at_a_time:
            state = self._record.read()
        if state.owner != self._owner:
            raise Busy(
                "This run stood still for so long that %s took over its lock '%s'. Nothing more was done and no finished backup was "
                "touched; run it again." % (state.name, self.name)
            )

    def take(self, settle_seconds: float) -> LeaseState | None:
        """Claim the lease; returns who claimed it over us within ``settle_seconds``, or None. Raises OSError."""
        self._renew()
        if settle_seconds:
            time.sleep(settle_seconds)
            state = self._record.read()
            if state.owner != self._owner:
                return state
        self._thread.start()
        return None

    def release(self) -> None:
        """Give the lease back, if it is still ours; never fails, since a lease also runs out by itself."""
        self._ended.set()
        with self._one_at_a_time:
            try:
                if self._record.read().owner == self._owner:
                    self._record.clear()
            except OSError:
                pass

    def _renew(self) -> None:
        self._counter += 1
        self._record.claim(self._holder, self._owner, self._counter, self._seconds)

    def _keep(self) -> None:
        while not self._ended.wait(self._seconds / 3):
            with self._one_at_a_time:
                try:
                    if self._ended.is_set() or self._record.read().owner != self._owner:
                        return
                    self._renew()
                except OSError:
                    # The storage may recover in time; if not, check() tells.
                    continue


@contextmanager
def hold(
    volume: Volume,
    name: str,
    wait_seconds: float = 0.0,
    lease_seconds: float = 60.0,
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[Lease]:
    """Hold the lock ``name`` of ``volume`` for the time of this block.

    Waits ``wait_seconds`` for another run to end, and longer only to find out whether the holder of a lease on
    another machine still lives. ``on_wait`` is told once, in a sentence, who is waited for. Raises Busy or VolumeError.
    """
    what = "Taking the lock '%s' of %s" % (name, volume.root)
    folder = volume.make_private()
    with storage_errors(what, "Nothing was changed."):
        lock = os.open(os.path.join(folder, name + ".lock"), os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            record = LeaseRecord(os.path.join(folder, name + ".lease"))
            claim = _Claim(volume, name, record, wait_seconds, lease_seconds, on_wait)
            lease = claim.lease_after(claim.lock(lock))
        except BaseException:
            os.close(lock)
            raise
    try:
        yield lease
    finally:
        lease.release()
        os.close(lock)


class _Claim:
    """One attempt to get a lock: how long it waits and what it says."""

    def __init__(
        self,
        volume: Volume,
        name: str,
        record: LeaseRecord,
        wait_seconds: float,
        lease_seconds: float,
        on_wait: Callable[[str], None] | None,
    ) -> None:
        self._what = "the lock '%s' of %s" % (name, volume.root)
        self._name = name
        self._record = record
        self._holder = this_holder(volume.private)
        self._seconds = lease_seconds
        self._deadline = time.monotonic() + wait_seconds
        self._on_wait = on_wait

    def lock(self, descriptor: int) -> bool:
        """Wait for the ``flock``; False where the file system has none."""
        while True:
            locked = try_flock(descriptor, fcntl.LOCK_EX)
            if locked is not False:
                return locked is True
            self._pause(self._record.read(), to_find_out=False)

    def lease_after(self, locked: bool) -> Lease:
        """Wait for the lease, whose ``flock`` we hold unless there is none, and take it."""
        state = self._record.read()
        before = state.holder
        proven_free = state.free or (locked and before is not None and before.shares_locks_with(self._holder))
        if not proven_free:
            self._watch(state)
        lease = Lease(self._name, self._record, self._holder, self._seconds)
        try:
            # Where no flock keeps others out, another may have come to the same conclusion: the last one to write has it.
            alone = locked and proven_free
            other = lease.take(0.0 if alone else min(_SETTLE_SECONDS, self._seconds / 10))
        except BaseException:
            lease.release()
            raise
        if other is not None:
            raise self._busy(other)
        return lease

    def _watch(self, state: LeaseState) -> None:
        """Return when the lease was given back or stood still for its time; raises Busy when it moves and waiting is over."""
        still_since = time.monotonic()
        moved = False
        while not state.free and time.monotonic() - still_since < max(self._seconds, state.seconds):
            self._pause(state, to_find_out=not moved)
            now = self._record.read()
            if now != state:
                state, still_since, moved = now, time.monotonic(), True

    def _pause(self, state: LeaseState, to_find_out: bool) -> None:
        if not to_find_out and time.monotonic() >= self._deadline:
            raise self._busy(state)
        if self._on_wait is not None:
            self._on_wait("Waiting for %s, which holds %s." % (state.name, self._what))
            self._on_wait = None
        time.sleep(min(_POLL_SECONDS, self._seconds / 10))

    def _busy(self, state: LeaseState) -> Busy:
        return Busy("Another run, %s, holds %s. Nothing was changed; run again when that one has ended." % (state.name, self._what))
