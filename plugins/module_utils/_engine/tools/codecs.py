# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compression, a frame at a time: zstd by its program, gzip by Python's own zlib.

zstd frames and gzip members may follow one another in a file, so a dump whose sections
are frames of their own is still one file that ``zstdcat`` or ``zcat`` reads whole.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import threading
import zlib
from abc import ABC, abstractmethod
from typing import IO, Callable, Generator, Iterator, Protocol

from .errors import BackupDamaged, EngineError, UsageError, VolumeError
from .processes import Process, Runner

CHUNK = 1 << 20
# Linux only; elsewhere a pipe keeps its usual size. Python names it from 3.10 on.
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 1031)
_GZIP_WINDOW = 31
# Level 1 of zstd costs a quarter of gzip's time and is smaller; higher levels do not pay on dumps.
_LEVELS = {"zstd": 1, "gzip": 6}
# Rows repeat what stood megabytes before them; 8 MiB is the farthest look back that every decoder has to allow for.
_LONG = "--long=23"
_HIGHEST_LEVELS = {"zstd": 19, "gzip": 9}
# What zstd says when the machine, not the file, is at fault.
_OUT_OF_MEMORY = "Allocation error"


def choose_codec(wanted: str, level: int | None = None) -> str:
    """``zstd`` or ``gzip`` for ``wanted`` (``auto``: zstd where its program is installed).

    Raises UsageError for an unknown name, for a ``level`` that it does not have, or when zstd is asked for and not installed.
    """
    installed = shutil.which("zstd") is not None
    if wanted != "auto" and wanted not in _LEVELS:
        raise UsageError("codec is %r, but must be auto, zstd or gzip. Nothing was changed." % wanted)
    if wanted == "zstd" and not installed:
        raise UsageError("codec is zstd, but the program zstd is not on PATH. Nothing was changed; install it or set codec to auto.")
    codec = ("zstd" if installed else "gzip") if wanted == "auto" else wanted
    if level is not None and not 1 <= level <= _HIGHEST_LEVELS[codec]:
        raise UsageError("level is %d, but %s has the levels 1 to %d. Nothing was changed." % (level, codec, _HIGHEST_LEVELS[codec]))
    return codec


def widen_pipe(pipe: IO[bytes]) -> bool:
    """Let a pipe hold a whole chunk and say whether the system allowed it: fewer switches between processes."""
    try:
        fcntl.fcntl(pipe, _SET_PIPE_SIZE, CHUNK)
    except OSError:
        return False
    return True


class Frame(ABC):
    """One frame being written: ``write`` SQL into it, ``close`` it, and its bytes went to ``sink``."""

    @abstractmethod
    def write(self, data: bytes | memoryview) -> None:
        """Compress ``data``; raises what the sink raised."""

    @abstractmethod
    def close(self) -> None:
        """End the frame; raises EngineError when the compressor failed, or what the sink raised."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the frame and whatever works for it; never raises."""


class _GzipFrame(Frame):
    def __init__(self, level: int, sink: Callable[[bytes], None]) -> None:
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, _GZIP_WINDOW)
        self._sink = sink

    def write(self, data: bytes | memoryview) -> None:
        packed = self._compressor.compress(data)
        if packed:
            self._sink(packed)

    def close(self) -> None:
        self._sink(self._compressor.flush())

    def abort(self) -> None:
        pass


class _ZstdFrame(Frame):
    """Feeds a zstd process; a thread carries what comes out of it to the sink."""

    def __init__(self, runner: Runner, level: int, sink: Callable[[bytes], None]) -> None:
        program = shutil.which("zstd") or "zstd"
        command = [program, "-q", "-%d" % level, _LONG, "--single-thread", "--check", "-c"]
        self._process: Process = runner.start(command, os.environ, stdin=subprocess.PIPE)
        widen_pipe(self._process.stdin)
        self._sink = sink
        self._failure: BaseException | None = None
        self._carrier = threading.Thread(target=self._carry, name="zstd-output", daemon=True)
        self._carrier.start()

    def _carry(self) -> None:
        try:
            while True:
                packed = self._process.stdout.read(CHUNK)
                if not packed:
                    return
                self._sink(packed)
        except BaseException as failure:  # handed over to the writing thread
            self._failure = failure
            self._process.stdout.close()

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        try:
            while view:
                written = self._process.stdin.write(view)
                view = view[written or 0 :]
        except BrokenPipeError:
            self._finish()
            raise EngineError("The program zstd stopped reading in the middle of a dump.") from None

    def close(self) -> None:
        self._process.stdin.close()
        self._finish()

    def _finish(self) -> None:
        self._carrier.join()
        complaint = self._process.stderr.read(4096).decode("utf-8", "replace").strip()
        status = self._process.wait()
        self._process.end()
        if self._failure is not None:
            raise self._failure
        if status != 0:
            raise EngineError("The program zstd ended with status %d: %s" % (status, complaint))

    def abort(self) -> None:
        # The pipe is closed only when nobody reads it any more: its number may soon be another file's.
        self._process.stop()
        self._carrier.join()
        self._process.end()


class Readable(Protocol):
    """What bytes can be read from, one after another."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""


def open_frame(runner: Runner, codec: str, level: int | None, sink: Callable[[bytes], None]) -> Frame:
    """Begin a frame of ``codec`` whose compressed bytes go to ``sink`` in order, from one thread at a time."""
    chosen = _LEVELS[codec] if level is None else level
    if codec == "gzip":
        return _GzipFrame(chosen, sink)
    return _ZstdFrame(runner, chosen, sink)


def decode(
    runner: Runner,
    codec: str,
    stored: Readable,
    length: int | None = None,
    observe: Callable[[bytes], None] | None = None,
) -> Generator[bytes, None, None]:
    """Yield the SQL held by the frames in ``stored``, from its position on, for ``length`` stored bytes (None: to the end).

    ``observe`` is given each stored chunk as it is read, so that one pass can check both sides. Raises BackupDamaged
    when the bytes are not whole frames, and VolumeError when they could not be read to their end, which says nothing about
    them. Closing the generator early ends whatever works for it.
    """
    chunks = _observed(_stored_chunks(stored, length), observe)
    if codec == "gzip":
        return _decode_gzip(chunks)
    return _decode_zstd(runner, chunks)


def _observed(chunks: Iterator[bytes], observe: Callable[[bytes], None] | None) -> Iterator[bytes]:
    for chunk in chunks:
        if observe is not None:
            observe(chunk)
        yield chunk


def _stored_chunks(stored: Readable, length: int | None) -> Iterator[bytes]:
    left = length
    while left is None or left > 0:
        chunk = stored.read(CHUNK if left is None else min(CHUNK, left))
        if not chunk:
            if left:
                raise BackupDamaged("The stored file ends %d bytes before it should." % left)
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


def _decode_gzip(chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    decoder = None
    try:
        for chunk in chunks:
            data = chunk
            while data:
                if decoder is None:
                    decoder = zlib.decompressobj(_GZIP_WINDOW)
                plain = decoder.decompress(data, CHUNK)
                if plain:
                    yield plain
                data = decoder.unconsumed_tail
                if decoder.eof:
                    data, decoder = decoder.unused_data, None
    except zlib.error as error:
        raise BackupDamaged("The stored file is not whole gzip data (%s)." % error) from error
    if decoder is not None:
        raise BackupDamaged("The stored file ends in the middle of its gzip data.")


def _decode_zstd(runner: Runner, chunks: Iterator[bytes]) -> Generator[bytes, None, None]:
    program = shutil.which("zstd")
    if program is None:
        raise UsageError("This backup is compressed by zstd, but the program zstd is not on PATH. Nothing was changed; install zstd.")
    process = runner.start([program, "-q", "-d", "-c"], os.environ, stdin=subprocess.PIPE)
    widen_pipe(process.stdout)
    failure: list[BaseException] = []

    def feed() -> None:
        try:
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[process.stdin.write(view) or 0 :]
        except BrokenPipeError:
            pass  # zstd says on its standard error why it stopped reading
        except BaseException as error:  # handed over to the reading thread
            failure.append(error)
        finally:
            process.stdin.close()

    feeder = threading.Thread(target=feed, name="zstd-input", daemon=True)
    feeder.start()
    try:
        while True:
            plain = process.stdout.read(CHUNK)
            if not plain:
                break
            yield plain
        feeder.join()
        if failure:
            raise failure[0]
        complaint = process.stderr.read(4096).decode("utf-8", "replace").strip()
        status = process.wait()
        if status < 0 or _OUT_OF_MEMORY in complaint:
            how = "was killed by signal %d" % -status if status < 0 else "had too little memory (%s)" % complaint
            raise VolumeError("The program zstd %s, which says nothing about the backup it was reading. Run again." % how)
        if status != 0:
            raise BackupDamaged("The stored file is not whole zstd data (%s)." % complaint)
    finally:
        process.stop()
        feeder.join()
        process.end()
