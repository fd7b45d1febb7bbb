# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs are started from lists, end with their whole group, and are never lost to a signal."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools import processes
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import Interrupted
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.processes import Runner
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.signals import interruptible, postponed

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def lives(process):
    try:
        with open("/proc/%d/stat" % process) as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(process, seconds=5.0):
    deadline = time.monotonic() + seconds
    while lives(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not lives(process)


def test_a_program_gets_exactly_its_arguments_environment_and_input():
    script = "import os, sys; sys.stdout.buffer.write(repr((sys.argv[1:], dict(os.environ), sys.stdin.read())).encode())"
    result = Runner().run([sys.executable, "-c", script, "$(touch x)", "a b"], {"ONLY": "this", "LC_CTYPE": "C.UTF-8"}, b"in")
    assert eval(result.stdout) == (["$(touch x)", "a b"], {"ONLY": "this", "LC_CTYPE": "C.UTF-8"}, "in")  # noqa: S307


def test_status_output_and_complaint_come_back():
    result = Runner().run(["sh", "-c", "echo out; echo ' woe ' >&2; exit 3"], ENVIRONMENT)
    assert (result.returncode, result.stdout, result.complaint) == (3, b"out\n", "woe")
    assert Runner().run(["sh", "-c", "kill -9 $$"], ENVIRONMENT).returncode == -9


def test_a_timeout_ends_the_program():
    with pytest.raises(subprocess.TimeoutExpired):
        Runner().run(["sh", "-c", "echo $$ >&2; exec sleep 60"], ENVIRONMENT, timeout=0.2)


def started_with_grandchild(runner, trap=""):
    process = runner.start(["sh", "-c", trap + "sleep 60 & echo $!; wait; sleep 60"], ENVIRONMENT)
    return process, int(process.stdout.readline())


def test_the_end_of_a_program_is_that_of_its_group():
    process, grandchild = started_with_grandchild(Runner())
    process.end()
    assert process.poll() is not None and gone(grandchild)


def test_a_group_whose_leader_was_killed_ends_as_well():
    process, grandchild = started_with_grandchild(Runner())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert lives(grandchild)
    process.end()
    assert gone(grandchild)


def test_a_program_that_does_not_listen_is_killed(monkeypatch):
    monkeypatch.setattr(processes, "_TERMINATE_SECONDS", 0.3)
    process, grandchild = started_with_grandchild(Runner(), trap="trap '' TERM; ")
    process.end()
    assert process.poll() == -signal.SIGKILL and gone(grandchild)


def test_ending_twice_does_no_harm_and_all_means_all():
    runner = Runner()
    children = [runner.start(["sleep", "60"], ENVIRONMENT) for _number in range(3)]
    children[0].end()
    children[0].end()
    runner.end_all()
    assert all(child.poll() is not None for child in children)
    runner.end_all()


def test_a_program_that_ended_by_itself_is_forgotten():
    runner = Runner()
    runner.run(["true"], ENVIRONMENT)
    assert not runner._living


def test_a_pipe_that_was_not_asked_for_is_told():
    process = Runner().start(["true"], ENVIRONMENT)
    with pytest.raises(ValueError, match="without that pipe"):
        process.stdin.close()
    process.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_becomes_an_error_with_the_exit_code_of_shells(number):
    # A shell starts what runs in its background with SIGINT ignored, and so are these tests at times.
    outside = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(Interrupted) as caught, interruptible():
            signal.raise_signal(number)
            pytest.fail("it went on")
        assert caught.value.code == 128 + number and "signal %d" % number in caught.value.message
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, outside)


def test_a_second_signal_does_not_disturb_the_cleaning_up():
    cleaned = []
    with pytest.raises(Interrupted), interruptible():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGINT)
            cleaned.append(True)
    assert cleaned == [True]


def test_what_was_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_waits_for_the_end_of_what_must_not_be_torn():
    done = []
    with pytest.raises(Interrupted), interruptible():
        with postponed():
            with postponed():
                signal.raise_signal(signal.SIGTERM)
                done.append("inner")
            done.append("outer")
        done.append("never")
    assert done == ["inner", "outer"]
    # Nothing is left of it for the next block.
    with interruptible(), postponed():
        pass


def test_a_child_that_starts_while_a_signal_comes_is_known(monkeypatch):
    runner = Runner()
    popen = subprocess.Popen
    started = []

    def popen_and_signal(*arguments, **options):
        started.append(popen(*arguments, **options))
        signal.raise_signal(signal.SIGTERM)
        return started[0]

    monkeypatch.setattr(processes.subprocess, "Popen", popen_and_signal)
    with pytest.raises(Interrupted), interruptible():
        try:
            runner.start(["sleep", "60"], ENVIRONMENT)
        finally:
            runner.end_all()
    assert started[0].poll() is not None


STARTS_AND_WAITS = """
import os, sys, time
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.processes import Runner
process = Runner().start(["sh", "-c", "sleep 60 & echo $!; wait"], dict(os.environ))
print(process.pid, process.stdout.readline().decode().strip(), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(fcntl, "F_SETSIG"), reason="only Linux lets the kernel end a group in another's place")
def test_a_program_and_what_it_started_end_with_an_engine_that_is_killed():
    engine = subprocess.Popen([sys.executable, "-c", STARTS_AND_WAITS], stdout=subprocess.PIPE)
    group, grandchild = (int(number) for number in engine.stdout.readline().split())
    assert lives(group) and lives(grandchild)
    engine.kill()
    engine.communicate()
    assert gone(group) and gone(grandchild)


def test_no_descriptor_is_left_of_programs_that_have_ended():
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    before, runner = descriptors(), Runner()
    for _number in range(5):
        runner.run(["true"], ENVIRONMENT)
        with pytest.raises(FileNotFoundError):
            runner.run(["no such program"], ENVIRONMENT)
    assert descriptors() == before
