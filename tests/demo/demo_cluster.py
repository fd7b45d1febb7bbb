# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's twin on a cluster: a CronJob backs a server up, the server is lost, an operator restores it, and it is proven equal.

What runs are the playbooks that an operator runs. The cluster is KUBECONFIG's, or one that is made here and taken away again;
nothing is left behind but the folder that DEMO_FOLDER names, and in REGISTRY the image.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NoReturn

from kubernetes import client, config
from kubernetes.stream import stream
from sample import DATABASES, ROLES
from show import Show

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SHARED = PROJECT / "extensions" / "molecule" / "shared"
CLUSTER = PROJECT / "tests" / "cluster" / "cluster"
FOLDER = Path(os.environ.get("DEMO_FOLDER", "demo")).resolve()
# The namespaces follow from this word, as those of molecule's scenarios do from theirs.
SCENARIO = "demo"
SERVER = "shop"
NAMESPACE, SERVERS_NAMESPACE = "bandr-%s" % SCENARIO, "bandr-%s-servers" % SCENARIO
EVERY_MINUTE = "* * * * *"
_CRONJOB_SECONDS = 660
_GONE_SECONDS = 180


class Stop(Exception):
    """The story cannot go on; the message says why."""


class Stage:
    """The cluster, the inventory and the playbooks."""

    def __init__(self) -> None:
        self.file = FOLDER / "cluster.json"
        self.report = FOLDER / "report.json"
        self._environment = dict(
            os.environ,
            BANDR_CLUSTER=str(self.file),
            MOLECULE_SCENARIO_DIRECTORY=str(SHARED),
            MOLECULE_SCENARIO_NAME=SCENARIO,
            DEMO_FOLDER=str(FOLDER),
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_HOME=str(FOLDER / "ansible"),
        )

    def find_cluster(self) -> dict[str, Any]:
        """Find or make a cluster; returns what is known of it."""
        self._run([str(CLUSTER), "up", str(self.file)], quiet=False)
        cluster: dict[str, Any] = json.loads(self.file.read_text(encoding="utf-8"))
        config.load_kube_config(cluster["kubeconfig"])
        return cluster

    def play(self, playbook: str | Path, **variables: str) -> str:
        """Run a playbook as an operator would; raises Stop with its output where it fails."""
        command = ["ansible-playbook", "-i", str(SHARED / "inventory"), "-i", str(HERE / "cluster" / "hosts.yml"), str(playbook)]
        return self._run([*command, "-e", json.dumps(variables)])

    def told(self) -> dict[str, Any]:
        """What the last restore or list wrote down."""
        found: dict[str, Any] = json.loads(self.report.read_text(encoding="utf-8"))
        return found

    def checksums(self) -> dict[str, tuple[str, int]]:
        """The sha256 and the size of a dump of each database of the server, by its name."""
        script = (HERE / "cluster" / "checksums").read_text(encoding="utf-8")
        session = stream(
            client.CoreV1Api().connect_get_namespaced_pod_exec,
            SERVER,
            SERVERS_NAMESPACE,
            command=["bash", "-c", script],
            stdout=True,
            stderr=True,
            _preload_content=False,
        )
        session.run_forever(timeout=300)
        said = session.read_stdout()
        if session.returncode:
            raise Stop("The server could not be dumped:\n" + session.read_stderr())
        lines = [line.split(" ", 2) for line in said.splitlines()]
        return {name: (digest, int(size)) for digest, size, name in lines}

    def clean_up(self) -> None:
        """Take away the namespaces with all that is in them, and the cluster where it was made here."""
        if not self.file.exists():
            return
        if "kubeconfig" in json.loads(self.file.read_text(encoding="utf-8")):
            self.play(SHARED / "cleanup.yml")
            wait_for(lambda: not namespaces(), _GONE_SECONDS, "The namespaces %s and %s do not go." % (NAMESPACE, SERVERS_NAMESPACE))
        self._run([str(CLUSTER), "down", str(self.file)], quiet=False)
        (FOLDER / "fill.sql").unlink(missing_ok=True)

    def _run(self, command: list[str], quiet: bool = True) -> str:
        """A program to its end; one that is interrupted is ended before anything is cleaned up. Raises Stop with its output."""
        # A group of its own: Ctrl-C is for the story, which then ends its programs in order.
        options: dict[str, Any] = dict(env=self._environment, start_new_session=True, text=True, stdin=subprocess.DEVNULL)
        if quiet:
            options.update(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        with subprocess.Popen(command, **options) as process:
            try:
                said, _nothing = process.communicate()
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
                raise
        if process.returncode:
            raise Stop("%s exited %d%s" % (" ".join(command[:1]), process.returncode, ":\n" + said if said else "."))
        return said or ""


def namespaces() -> list[str]:
    """Those of the demo that are there."""
    found = client.CoreV1Api().list_namespace(label_selector="bandr.test=" + SCENARIO).items
    return [one.metadata.name for one in found]


def wait_for(condition: Callable[[], Any], seconds: float, complaint: str) -> Any:
    """Ask until the answer is true and return it; raises Stop after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(1)
    raise Stop(complaint)


def job_of_a_cronjob() -> Any:
    """A Job that a CronJob of the demo made and that has ended, or None; raises Stop where it failed."""
    for job in client.BatchV1Api().list_namespaced_job(NAMESPACE, label_selector="bandr.postgres/tier=hourly").items:
        owners = [owner.name for owner in job.metadata.owner_references or () if owner.kind == "CronJob"]
        conditions = {one.type: one for one in job.status.conditions or () if one.status == "True"}
        if owners and "Failed" in conditions:
            raise Stop("The CronJob's run failed: %s\n%s" % (conditions["Failed"].message, last_words(job.metadata.name)))
        if owners and "Complete" in conditions:
            return job
    return None


def last_words(job: str) -> str:
    """The logs of a Job's pods."""
    core = client.CoreV1Api()
    pods = core.list_namespaced_pod(NAMESPACE, label_selector="batch.kubernetes.io/job-name=" + job).items
    return "\n".join(core.read_namespaced_pod_log(pod.metadata.name, NAMESPACE) for pod in pods if pod.status.phase != "Pending")


def objects() -> list[tuple[str, str, str]]:
    """What was made for the server, as rows of a table."""
    of_ours = "app.kubernetes.io/managed-by=bandr.postgres"
    core, batch, network = client.CoreV1Api(), client.BatchV1Api(), client.NetworkingV1Api()
    rows = [
        ("CronJob", one.metadata.name, "at %s" % one.spec.schedule)
        for one in batch.list_namespaced_cron_job(NAMESPACE, label_selector=of_ours).items
    ]
    kinds: tuple[tuple[str, Any, str], ...] = (
        ("PersistentVolumeClaim", core.list_namespaced_persistent_volume_claim, "where the backups go"),
        ("Secret", core.list_namespaced_secret, "the server's password"),
        ("NetworkPolicy", network.list_namespaced_network_policy, "to the server, and nowhere else"),
        ("ServiceAccount", core.list_namespaced_service_account, "without any right"),
    )
    for kind, ask, what in kinds:
        rows += [(kind, one.metadata.name, what) for one in ask(NAMESPACE, label_selector=of_ours).items]
    return rows


def write_sample() -> None:
    """The sample as one script for psql."""
    parts = [ROLES]
    for name, sql in DATABASES.items():
        parts.append('\\connect "%s"\n\\encoding UTF8\n%s' % (name.replace('"', '""'), sql))
    (FOLDER / "fill.sql").write_text("\n".join(parts), encoding="utf-8")


def megabytes(octets: float) -> str:
    """A size for people."""
    return "%.1f MB" % (octets / 1e6)


def tell(show: Show, stage: Stage) -> str:
    """The story in seven acts; returns where the image is."""
    show.act("A cluster, and a server with something to lose")
    begun = time.monotonic()
    cluster = stage.find_cluster()
    show.done("cluster", client.ApiClient().configuration.host, time.monotonic() - begun)
    begun = time.monotonic()
    write_sample()
    stage.play(SHARED / "prepare.yml")
    show.done("server filled", "pod %s/%s: 4 databases, 4 roles, 2 encodings" % (SERVERS_NAMESPACE, SERVER), time.monotonic() - begun)
    begun = time.monotonic()
    before = stage.checksums()
    show.done("checksums taken", "%s of SQL in all" % megabytes(sum(size for _digest, size in before.values())), time.monotonic() - begun)

    show.act("ansible-playbook bandr.postgres.deploy")
    begun = time.monotonic()
    stage.play("bandr.postgres.deploy", hourly_schedule=EVERY_MINUTE)
    show.done("deployed", "image built, or found; everything below made", time.monotonic() - begun)
    show.table(("OBJECT", "NAME", ""), objects())

    show.act("The cluster makes a backup by itself")
    begun = time.monotonic()
    show.wait("the CronJob is due at the next full minute")
    complaint = "The CronJob has made no backup within %d seconds." % _CRONJOB_SECONDS
    job = wait_for(job_of_a_cronjob, _CRONJOB_SECONDS, complaint)
    show.done("run by the CronJob", "job %s" % job.metadata.name, time.monotonic() - begun)
    # From here on once an hour, and not within this story: a backup of the empty server would be the latest one.
    begun = time.monotonic()
    later = datetime.now(timezone.utc) + timedelta(minutes=30)
    stage.play("bandr.postgres.deploy", hourly_schedule="%d * * * *" % later.minute)
    show.done("deployed again", "the schedule is changed: once an hour", time.monotonic() - begun)
    begun = time.monotonic()
    stage.play("bandr.postgres.backup_now", tier="daily")
    show.done("promoted to daily", "by hard link: no space", time.monotonic() - begun)

    show.act("ansible-playbook bandr.postgres.restore      (without more it lists)")
    begun = time.monotonic()
    stage.play(HERE / "cluster" / "restore.yml", from_backup="none")
    backups = stage.told()["backups"]
    show.table(("TIER", "BACKUP", "SIZE", "STATE"), [(one["tier"], one["name"], megabytes(one["size"]), one["state"]) for one in backups])
    show.done("listed", "%d backups" % len(backups), time.monotonic() - begun)

    show.act("The server is lost")
    begun = time.monotonic()
    stage.play(HERE / "cluster" / "lose.yml")
    show.lost("pod deleted with its data", "a new one has its name, and nothing in it")
    empty = sorted(set(stage.checksums()) & set(DATABASES))
    if empty:
        raise Stop("The new server should be empty, and has %s." % ", ".join(empty))

    show.act("ansible-playbook bandr.postgres.restore -e from_backup=latest")
    begun = time.monotonic()
    stage.play(HERE / "cluster" / "restore.yml", from_backup="latest")
    result = stage.told()["result"]
    show.done("proven, then restored", result["backup"]["name"], time.monotonic() - begun)
    rows = [(one["name"], one["state"], megabytes(one["bytes"]), "%.1f s" % one["seconds"]) for one in result["databases"]]
    show.table(("DATABASE", "STATE", "SQL", "TIME"), rows)

    show.act("Is it the same?")
    begun = time.monotonic()
    compare(show, before, stage.checksums())
    show.done("equal, byte for byte", "but for the password of postgres, which each server keeps", time.monotonic() - begun)
    stage.play("bandr.postgres.status", status_page=str(FOLDER / "status.html"))
    return str(cluster["registry"])


def compare(show: Show, before: dict[str, tuple[str, int]], after: dict[str, tuple[str, int]]) -> None:
    """Both servers' checksums side by side; raises Stop where they differ."""
    nothing = ("missing", 0)
    rows = []
    for name in sorted({*before, *after}, key=lambda name: (name not in before, list(before).index(name) if name in before else 0)):
        old, new = before.get(name, nothing), after.get(name, nothing)
        rows.append((name, str(old[1]), old[0][:16], new[0][:16], "equal" if old == new else "DIFFERENT"))
    show.table(("DUMP OF", "BYTES", "LOST SERVER", "NEW SERVER", ""), rows)
    if before != after:
        raise Stop("They differ.")


def interrupted(number: int, _frame: object) -> NoReturn:
    """Every signal that asks for an end leads through the cleaning."""
    raise SystemExit(128 + number)


def main() -> int:
    """Tell the story, and clean up however it ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    show, stage = Show(), Stage()
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(FOLDER / "ansible", ignore_errors=True)
    print("bandr.postgres on a cluster, in the namespaces %s and %s" % (NAMESPACE, SERVERS_NAMESPACE))
    try:
        registry = tell(show, stage)
    except Stop as problem:
        print("\n%s" % problem, file=sys.stderr, flush=True)
        return 1
    except client.ApiException as problem:
        print("\nThe API server refused: %s" % problem, file=sys.stderr, flush=True)
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        show.act("Cleaning up")
        begun = time.monotonic()
        try:
            stage.clean_up()
        except Stop as problem:
            sys.exit("\n%s\nStill there: delete the namespaces %s and %s by hand." % (problem, NAMESPACE, SERVERS_NAMESPACE))
        show.done("all removed", "namespaces, volumes and servers", time.monotonic() - begun)
    image = "; the image stays in %s" % registry if registry else ""
    show.end("The state of the backups, as it was, is in %s%s." % (FOLDER / "status.html", image))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
