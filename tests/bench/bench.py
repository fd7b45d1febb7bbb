# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times the engine beside the programs it is made of: ratios of runs made in turn, on data of a gigabyte and more."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from measure import Contender, interleave, ratio
from servers.installations import find_installations
from servers.server import Server

MEGABYTES = int(os.environ.get("BENCH_MEGABYTES", "1200"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
LISTED = 10_000
# Shares of the whole, so that no two databases are alike in size.
SHARES = {"orders": 0.4, "events": 0.3, "accounts": 0.2, "small": 0.1}
ENGINE = "from ansible_collections.bandr.postgres.plugins.module_utils._engine.command_line import main; raise SystemExit(main())"

# Rows as a shop has them: numbers, times, names and sentences of common words; hashes would not compress, and repetition too well.
_WORDS = (
    "the,order,was,sent,to,your,old,address,please,call,back,before,friday,customer,asks,for,refund,because,parcel,arrived,late,and,"
    "damaged,invoice,paid,twice,new,card,needed,delivery,moved,after,summer,holiday,shop,closed,open,again,next,week,thanks,regards,"
    "north,south,street,garden,house,number,floor,ring,bell,leave,neighbour,blue,green,small,large,cotton,wool,paper,steel,glass"
)
_TABLE = """
CREATE FUNCTION word(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT ('{@WORDS@}'::text[])[1 + abs(hashint8(n)) %% @COUNT@] $$;
CREATE TABLE entry (id bigint PRIMARY KEY, at timestamptz, customer int, kind text, payload text, amount numeric(12,2));
INSERT INTO entry SELECT n, timestamptz '2025-01-01' + n * interval '7 s', n::bigint * 7919 %% 50021,
  (ARRAY['order','payment','refund','visit'])[1 + n %% 4],
  concat_ws(' ', word(n), word(n + 1000003), word(n / 2 + 7), word(n * 3), word(n / 5), word(n * 7 + 1), word(n + 31), word(n * 11), word(n / 3)),
  n::bigint * 31 %% 1000003 / 100.0
  FROM generate_series(1, %d) n;
CREATE INDEX ON entry (customer);
""".replace("@WORDS@", _WORDS).replace("@COUNT@", str(_WORDS.count(",") + 1))
_ROW_BYTES = 105


class Report:
    """Rows of what was measured, with the aim beside it."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = [("MEASURED", "VALUE", "AIM")]

    def add(self, what: str, value: str, aim: str = "") -> None:
        """One more row, printed at once so that a long run shows life."""
        self.rows.append((what, value, aim))
        print("%-64s %-34s %s" % (what, value, aim), flush=True)


def engine(*arguments: str) -> list[str]:
    """The engine's command line in a process of its own."""
    return [sys.executable, "-c", ENGINE, *arguments]


def load(server: Server) -> None:
    """Make the databases."""
    for database, share in SHARES.items():
        server.psql("CREATE DATABASE " + database)
        server.psql(_TABLE % int(MEGABYTES * 1e6 * share / _ROW_BYTES), database)
    server.psql("CHECKPOINT")


def bench_backup(report: Report, server: Server, folder: Path, program: str, path: str) -> None:
    """Back up, beside the bare dump and the predecessor's pipeline."""
    root = folder / "volume"
    root.mkdir()
    environment = dict(server.environment, PATH=path)
    floor = Contender("pg_dumpall > /dev/null", [[program]], environment)
    zipped = Contender("pg_dumpall | gzip", [[program], ["gzip"]], environment, str(folder / "old.gz"))
    ours = Contender("backup", [engine("backup", "--root", str(root), "--count", "1")], environment)
    interleave([floor, ours, zipped], ROUNDS)
    result = json.loads(subprocess.run(engine("list", "--root", str(root)), env=environment, capture_output=True, check=True).stdout)
    newest = result["backups"][-1]
    report.add("SQL in the backup", "%.2f GB" % (newest["plain_size"] / 1e9), ">= 1 GB")
    for contender in (floor, ours, zipped):
        report.add("  " + contender.name, "%.2f s" % contender.median)
    report.add("backup : pg_dumpall > /dev/null", "%.2f" % ratio(ours, floor), "<= 1.10")
    report.add("pg_dumpall | gzip : backup", "%.2f" % ratio(zipped, ours), ">= 2.5")
    report.add("space saved against gzip", "%.0f %%" % (100 - 100 * newest["size"] / os.path.getsize(zipped.output)), ">= 30 %")
    report.add("largest process of a backup", "%.0f MiB" % (ours.memory / 2**20), "<= 64 MiB")
    os.unlink(zipped.output)


def space_of(root: Path) -> int:
    """Bytes on disk of all files below ``root``, each counted once however many names it has."""
    found = {status.st_ino: status.st_blocks * 512 for status in (path.stat() for path in root.rglob("*") if path.is_file())}
    return sum(found.values())


def bench_promotion(report: Report, folder: Path, path: str) -> None:
    """Promote the big backup, with and without reading it."""
    root, environment = folder / "volume", dict(os.environ, PATH=path)
    promote = engine("backup", "--root", str(root), "--tier", "daily", "--prior-count", "1")

    def forget() -> None:
        shutil.rmtree(root / "daily", ignore_errors=True)

    empty = Contender("start of the engine", [engine("backup", "--root", str(root), "--tier", "weekly", "--prior-count", "9")], environment)
    plain = Contender("promotion, unproved", [promote + ["--unproved-promotion"]], environment, before=forget)
    proven = Contender("promotion, proved", [promote], environment, before=forget)
    before = space_of(root)
    interleave([empty, plain, proven], ROUNDS)
    report.add("promotion without proof, beyond the start of the engine", "%.3f s" % max(0.0, plain.median - empty.median), "constant")
    report.add("promotion with proof (the default)", "%.2f s" % proven.median)
    report.add("space taken by a promotion", "%d KiB" % ((space_of(root) - before) // 1024), "0 but for the manifest")


def bench_listing(report: Report, folder: Path, path: str) -> None:
    """List many backups."""
    source = next((folder / "volume" / "hourly").glob("*.zst.json"))
    manifest = source.read_text()
    root = folder / "many"
    hourly = root / "hourly"
    hourly.mkdir(parents=True)
    write_many(hourly, manifest)
    listing = Contender("list", [engine("list", "--root", str(root))], dict(os.environ, PATH=path), str(folder / "list.json"))
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


def bench_restore(report: Report, source: Server, folder: Path, psql: str, path: str) -> None:
    """Restore into an emptied server, beside zstdcat | psql."""
    dump = next((folder / "volume" / "hourly").glob("*.zst"))
    server = Server(source.installation).start()
    try:
        environment = dict(server.environment, PATH=path)

        def empty() -> None:
            for database in SHARES:
                server.psql("DROP DATABASE IF EXISTS %s WITH (FORCE)" % database)
            server.psql("CHECKPOINT")

        plain = Contender("zstdcat | psql", [["zstdcat", str(dump)], [psql, "-X", "-q"]], environment, before=empty)
        ours = Contender("restore", [engine("recover", "--root", str(folder / "volume"), "--no-analyze")], environment, before=empty)
        interleave([plain, ours], ROUNDS)
    finally:
        server.remove()
    for contender in (plain, ours):
        report.add("  " + contender.name, "%.2f s" % contender.median)
    report.add("restore (the proof included) : zstdcat | psql", "%.2f" % ratio(ours, plain), "<= 1.00")
    report.add("largest process of a restore", "%.0f MiB" % (ours.memory / 2**20), "<= 64 MiB")


def main() -> None:
    """All of it, on the newest installation there is."""
    installation = max(find_installations(), key=lambda installation: installation.order)
    path = "%s:%s" % (installation.bin_folder, os.environ["PATH"])
    report = Report()
    print("PostgreSQL %s, %d processors, medians of %d rounds run in turn\n" % (installation.version, os.cpu_count() or 0, ROUNDS))
    with tempfile.TemporaryDirectory(prefix="bandr-bench-") as name, Server(installation) as server:
        folder = Path(name)
        load(server)
        bench_backup(report, server, folder, installation.program("pg_dumpall"), path)
        bench_promotion(report, folder, path)
        bench_listing(report, folder, path)
        bench_restore(report, server, folder, installation.program("psql"), path)


if __name__ == "__main__":
    main()
