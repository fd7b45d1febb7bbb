# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times the engine beside the programs it is made of: ratios of runs made in turn, on data of a gigabyte and more."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

from data import DATA_SETS, load
from measure import Contender, interleave, ratio
from servers.installations import find_installations
from servers.server import Server

MEGABYTES = int(os.environ.get("BENCH_MEGABYTES", "1200"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
LISTED = 10_000
# As the image carries it: a copy that is compiled once, and nothing of the user's own read at the start (its entry point is files/image/bandr).
_START = "import sys; sys.path.insert(0, %r); from bandr_engine.command_line import main; raise SystemExit(main())"


class Report:
    """Rows of what was measured, with the aim beside it."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = [("MEASURED", "VALUE", "AIM")]

    def add(self, what: str, value: str, aim: str = "") -> None:
        """One more row, printed at once so that a long run shows life."""
        self.rows.append((what, value, aim))
        print("%-64s %-34s %s" % (what, value, aim), flush=True)


def install_engine(folder: Path) -> list[str]:
    """Install the engine below ``folder``, and return how it is started in a process of its own."""
    from ansible_collections.bandr.postgres.plugins.module_utils import _engine

    library = folder / "lib"
    shutil.copytree(Path(str(_engine.__file__)).parent, library / "bandr_engine", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(library, quiet=1)
    return [sys.executable, "-IB", "-c", _START % str(library)]


def bench_backup(report: Report, server: Server, folder: Path, engine: list[str], path: str) -> None:
    """Back up, beside the bare dump and the predecessor's pipeline."""
    root = folder / "volume"
    root.mkdir()
    environment = dict(server.environment, PATH=path)
    program = server.installation.program("pg_dumpall")
    backup = [*engine, "backup", "--root", str(root), "--count", "1"]
    floor = Contender("pg_dumpall > /dev/null", [[program]], environment)
    zipped = Contender("pg_dumpall | gzip", [[program], ["gzip"]], environment, str(folder / "old.gz"))
    one = Contender("backup, one stream", [backup], environment)
    two = Contender("backup, jobs: 2", [[*backup, "--jobs", "2"]], environment)
    interleave([floor, one, two, zipped], ROUNDS)
    manifest = json.loads(next((root / "hourly").glob("*.json")).read_text())
    report.add("SQL in the backup", "%.2f GB" % (manifest["plain_size"] / 1e9), ">= 1 GB")
    for contender in (floor, one, two, zipped):
        report.add("  " + contender.name, "%.2f s, %.2f s of processor" % (contender.median, contender.median_of_processor))
    report.add("backup, one stream : pg_dumpall > /dev/null", "%.2f" % ratio(one, floor))
    report.add("backup, jobs: 2 : pg_dumpall > /dev/null", "%.2f" % ratio(two, floor), "<= 1.10")
    report.add("pg_dumpall | gzip : backup, one stream", "%.2f" % ratio(zipped, one), ">= 2.5")
    report.add("pg_dumpall | gzip : backup, jobs: 2", "%.2f" % ratio(zipped, two), ">= 2.5")
    report.add("space saved against gzip", saved(manifest["stored_size"], os.path.getsize(zipped.output)), ">= 30 %")
    for section in manifest["sections"]:
        if section["database"] in DATA_SETS:
            alone = Contender("gzip", [[server.installation.program("pg_dump"), section["database"]], ["gzip"]], environment, zipped.output)
            alone.run()
            what = "  %s, %.0f MB" % (section["database"], section["length"] / 1e6)
            report.add(what, saved(section["stored_length"], os.path.getsize(zipped.output)))
    report.add("largest process of a backup", "%.0f MiB" % (max(one.memory, two.memory) / 2**20), "<= 64 MiB")
    os.unlink(zipped.output)


def saved(size: int, other: int) -> str:
    """How much smaller ``size`` is than ``other``."""
    return "%.0f %%" % (100 - 100 * size / other)


def space_of(root: Path) -> int:
    """Bytes on disk of all files below ``root``, each counted once however many names it has."""
    found = {status.st_ino: status.st_blocks * 512 for status in (path.stat() for path in root.rglob("*") if path.is_file())}
    return sum(found.values())


def bench_promotion(report: Report, folder: Path, engine: list[str], path: str) -> None:
    """Promote the big backup, with and without reading it."""
    root, environment = folder / "volume", dict(os.environ, PATH=path)
    promote = [*engine, "backup", "--root", str(root), "--tier", "daily", "--prior-count", "1"]

    def forget() -> None:
        shutil.rmtree(root / "daily", ignore_errors=True)

    idle = [*engine, "backup", "--root", str(root), "--tier", "weekly", "--prior-count", "9"]
    empty = Contender("start of the engine", [idle], environment)
    plain = Contender("promotion, unproved", [promote + ["--unproved-promotion"]], environment, before=forget)
    proven = Contender("promotion, proved", [promote], environment, before=forget)
    before = space_of(root)
    interleave([empty, plain, proven], ROUNDS)
    report.add("promotion without proof, beyond the start of the engine", "%.3f s" % max(0.0, plain.median - empty.median), "constant")
    report.add("promotion with proof (the default)", "%.2f s" % proven.median)
    report.add("space taken by a promotion", "%d KiB" % ((space_of(root) - before) // 1024), "0 but for the manifest")


def bench_listing(report: Report, folder: Path, engine: list[str], path: str) -> None:
    """List many backups."""
    source = next((folder / "volume" / "hourly").glob("*.zst.json"))
    manifest = source.read_text()
    root = folder / "many"
    hourly = root / "hourly"
    hourly.mkdir(parents=True)
    write_many(hourly, manifest)
    listing = Contender("list", [[*engine, "list", "--root", str(root)]], dict(os.environ, PATH=path), str(folder / "list.json"))
    interleave([listing], ROUNDS)
    result = json.loads((folder / "list.json").read_text())
    proven = sum(backup["state"] == "proven" for backup in result["backups"])
    report.add("listing of %d backups, %d proven" % (len(result["backups"]), proven), "%.2f s" % listing.median, "<= 0.5 s")


def write_many(hourly: Path, manifest: str) -> None:
    """Sparse dumps with manifests that fit them."""
    from dataclasses import replace

    from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import read_manifest, write_manifest
    from ansible_collections.bandr.postgres.plugins.module_utils._engine.names import DumpName

    template = read_manifest(manifest)
    begun = datetime(2024, 1, 1, tzinfo=timezone.utc)
    for number in range(LISTED):
        time = begun + timedelta(hours=number)
        name = DumpName(time, "zstd").file_name
        dump = hourly / name
        with open(dump, "wb") as file:
            file.truncate(template.stored_size)
        os.utime(dump, (time.timestamp(), time.timestamp()))
        fitting = replace(template, file_name=name, started=time, finished=time, sequence=number + 1, modified_ns=os.stat(dump).st_mtime_ns)
        (hourly / (name + ".json")).write_text(write_manifest(fitting))


def bench_restore(report: Report, source: Server, folder: Path, engine: list[str], path: str) -> None:
    """Restore into an emptied server, beside zstdcat | psql."""
    dump = next((folder / "volume" / "hourly").glob("*.zst"))
    server = Server(source.installation).start()
    try:
        environment = dict(server.environment, PATH=path)

        def empty() -> None:
            for database in DATA_SETS:
                server.psql("DROP DATABASE IF EXISTS %s WITH (FORCE)" % database)
            server.psql("CHECKPOINT")

        plain = Contender(
            "zstdcat | psql", [["zstdcat", str(dump)], [source.installation.program("psql"), "-X", "-q"]], environment, before=empty
        )
        recover = [*engine, "recover", "--root", str(folder / "volume"), "--no-analyze"]
        one = Contender("restore, one stream", [recover], environment, before=empty)
        two = Contender("restore, jobs: 2", [[*recover, "--jobs", "2"]], environment, before=empty)
        interleave([plain, one, two], ROUNDS)
    finally:
        server.remove()
    for contender in (plain, one, two):
        report.add("  " + contender.name, "%.2f s" % contender.median)
    report.add("restore, one stream (the proof included) : zstdcat | psql", "%.2f" % ratio(one, plain), "<= 1.00")
    report.add("restore, jobs: 2 : zstdcat | psql", "%.2f" % ratio(two, plain))
    report.add("largest process of a restore", "%.0f MiB" % (max(one.memory, two.memory) / 2**20), "<= 64 MiB")


def main() -> None:
    """All of it, on the newest installation there is."""
    installation = max(find_installations(), key=lambda installation: installation.order)
    path = "%s:%s" % (installation.bin_folder, os.environ["PATH"])
    report = Report()
    print("PostgreSQL %s, %d processors, medians of %d rounds run in turn\n" % (installation.version, os.cpu_count() or 0, ROUNDS))
    with tempfile.TemporaryDirectory(prefix="bandr-bench-") as name, Server(installation) as server:
        folder = Path(name)
        begun = time.monotonic()
        load(server, MEGABYTES)
        report.add("loading the data", "%.0f s" % (time.monotonic() - begun))
        engine = install_engine(folder)
        bench_backup(report, server, folder, engine, path)
        bench_promotion(report, folder, engine, path)
        bench_listing(report, folder, engine, path)
        bench_restore(report, server, folder, engine, path)


if __name__ == "__main__":
    main()
