# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way a run can end badly, each with its own exit code.

The message of an error is a sentence for an operator: what happened, to which
backup or variable, what is still safe and what to do next.
"""

from __future__ import annotations

EXIT_SUCCESS = 0


class EngineError(Exception):
    """A run that cannot go on; ``code`` is the exit code and ``reason`` its one word.

    ``words`` say only what happened, for the message of a run that had changed something by then.
    """

    code = 1
    reason = "internal"

    def __init__(self, message: str, details: dict | None = None, words: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self.words = message if words is None else words


class UsageError(EngineError):
    """A variable or option has a value that cannot be meant."""

    code = 2
    reason = "usage"


class ConnectionFailed(EngineError):
    """The server does not answer or does not let us in; ``words`` are its own."""

    code = 3
    reason = "connection"


class DumpFailed(EngineError):
    """The server answered, but no complete dump came out of it."""

    code = 4
    reason = "dump"


class VolumeError(EngineError):
    """The volume is missing, read-only, full or not what it should be."""

    code = 5
    reason = "volume"


class Busy(EngineError):
    """Another run holds the lock."""

    code = 6
    reason = "busy"


class SelectionError(EngineError):
    """No backup, or more than one, answers to what was asked for."""

    code = 7
    reason = "selection"


class BackupDamaged(EngineError):
    """A stored backup is not what its manifest says; ``why`` is the finding alone, for other sentences to hold."""

    code = 8
    reason = "damaged"

    def __init__(self, message: str, details: dict | None = None, why: str | None = None) -> None:
        super().__init__(message, details)
        self.why = message if why is None else why


class TargetRefused(EngineError):
    """The look before a restore found problems; nothing was touched."""

    code = 9
    reason = "preflight"


class RestoreFailed(EngineError):
    """A restore began and did not reach its end."""

    code = 10
    reason = "restore"


class RestoredWithErrors(EngineError):
    """A restore that was told to go on after errors met some."""

    code = 11
    reason = "errors"


class DrillFailed(EngineError):
    """The server of a drill did not start, or what was restored into it is not what was dumped."""

    code = 12
    reason = "drill"


class Interrupted(EngineError):
    """A signal ended the run; ``code`` is 128 plus its number, as shells have it."""

    code = 143
    reason = "interrupted"

    def __init__(self, number: int) -> None:
        super().__init__("The run was ended by signal %d. What it had not finished was removed; what it had finished stays." % number)
        self.code = 128 + number
