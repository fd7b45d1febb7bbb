# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pins: backups that a restore or a verification is reading, which pruning therefore leaves alone."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..tools.errors import VolumeError
from .durable import new_word
from .failures import storage_failure
from .holder import Holder, read_holder, this_holder, try_flock, write_holder
from .root import Volume

FOLDER = "pins"
_HEARTBEAT_SECONDS = 60.0
# A reader on a machine that is gone blocks pruning no longer than this.
_DEAD_AFTER_NS = 15 * 60 * 10**9
_SEPARATOR = "~"
_LOCK_TRIES = 20
_LOCK_PAUSE_SECONDS = 0.01
_FILE_MODE = 0o640


@contextmanager
def pin(volume: Volume, file_name: str) -> Iterator[None]:
    """Keep every copy of the backup ``file_name`` from being pruned for the time of this block.

    Where the volume cannot be written, nobody can prune it either, and nothing is done: a restore never fails for want of a pin.
    """
    held = _Pin.place(volume, file_name) if volume.remembers else None
    try:
        yield
    finally:
        if held is not None:
            held.release()


def pinned(volume: Volume) -> frozenset[str]:
    """File names of the backups in use now; pins of dead readers do not count. Raises VolumeError."""
    return frozenset(entry.split(_SEPARATOR)[0] for entry, alive in _examine(volume) if alive and not entry.startswith(_SEPARATOR))


def remove_dead_pins(volume: Volume) -> int:
    """Remove what dead readers left, and say how many; for :func:`sweep`. Raises OSError and VolumeError."""
    dead = [entry for entry, alive in _examine(volume) if not alive]
    for entry in dead:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(volume.private, FOLDER, entry))
    return len(dead)


class _Pin:
    """One pin file, its lock and its heartbeat."""

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._ended = threading.Event()
        threading.Thread(target=self._keep, name="pin", daemon=True).start()

    @classmethod
    def place(cls, volume: Volume, file_name: str) -> _Pin | None:
        """Pin, or return None where the storage does not let us."""
        try:
            folder = volume.make_private(FOLDER)
        except VolumeError:
            return None
        path = os.path.join(folder, file_name + _SEPARATOR + new_word())
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        except OSError:
            return None
        # Until its holder is written down, only its age tells that it lives: so first the lock, then the holder.
        if _lock(descriptor):
            _describe(descriptor, folder)
        return cls(path, descriptor)

    def release(self) -> None:
        """Take the pin away."""
        self._ended.set()
        _unlink(self._path)
        os.close(self._descriptor)

    def _keep(self) -> None:
        while not self._ended.wait(_HEARTBEAT_SECONDS):
            try:
                os.utime(self._path)
            except OSError:
                # Nothing can be done about it; the lock may still hold.
                continue


def _lock(descriptor: int) -> bool:
    """Lock the pin, for which others who only look at it may have to be waited for."""
    for _attempt in range(_LOCK_TRIES):
        try:
            locked = try_flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            return False
        if locked is not False:
            return locked is True
        time.sleep(_LOCK_PAUSE_SECONDS)
    return False


def _describe(descriptor: int, folder: str) -> None:
    try:
        os.write(descriptor, write_holder(this_holder(folder)))
    except OSError:
        # A full volume: the name and the lock alone say enough.
        pass


def _unlink(path: str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _examine(volume: Volume) -> list[tuple[str, bool]]:
    """Every pin with whether its reader lives."""
    folder = os.path.join(volume.private, FOLDER)
    try:
        entries = os.listdir(folder)
        us = this_holder(folder)
    except FileNotFoundError:
        return []
    except OSError as error:
        if not volume.writable:
            # Whoever cannot write does not prune, and may list all the same.
            return []
        raise storage_failure(error, "Listing the backups in use", "Nothing was changed.") from error
    now: int | None = None
    found = []
    for entry in entries:
        alive = _locked(os.path.join(folder, entry), us)
        if alive is None:
            now = _time_of_volume(folder) if now is None else now
            alive = _beats(os.path.join(folder, entry), now)
        if alive is not None:
            found.append((entry, alive))
    return found


def _locked(path: str, us: Holder) -> bool | None:
    """Whether the reader lives as far as locks can tell; None when they cannot."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError:
        return True
    try:
        free = try_flock(descriptor, fcntl.LOCK_SH)
        if free is False:
            return True
        holder = read_holder(os.read(descriptor, 4096))
    except OSError:
        return True
    finally:
        os.close(descriptor)
    if free and holder is not None and holder.shares_locks_with(us):
        return False
    return None


def _beats(path: str, now: int) -> bool | None:
    try:
        return now - os.stat(path).st_mtime_ns < _DEAD_AFTER_NS
    except FileNotFoundError:
        return None
    except OSError:
        return True


def _time_of_volume(folder: str) -> int:
    """The present time in nanoseconds by the clock that stamps files there; 0, at which all pins live, where it cannot be asked."""
    path = os.path.join(folder, _SEPARATOR + new_word())
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE))
        try:
            return os.stat(path).st_mtime_ns
        finally:
            _unlink(path)
    except OSError:
        return 0
