# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage of every kind: never listed as good, never promoted, counted or restored; and what came without a manifest is proven once."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest

from ansible_collections.bandr.postgres.plugins.module_utils._engine.backups import DAMAGED, PROVEN
from ansible_collections.bandr.postgres.plugins.module_utils._engine.manifest import read_manifest
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations import proof
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.backup import BackupRequest, run_backup
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.context import Context
from ansible_collections.bandr.postgres.plugins.module_utils._engine.operations.verify import VerifyRequest, prove_and_record, verify
from ansible_collections.bandr.postgres.plugins.module_utils._engine.policy.retention import TierPolicy
from ansible_collections.bandr.postgres.plugins.module_utils._engine.tools.errors import BackupDamaged
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.catalog import read_catalog
from ansible_collections.bandr.postgres.plugins.module_utils._engine.volume.root import open_volume
from ansible_collections.bandr.postgres.tests.servers.commands import listed, run
from ansible_collections.bandr.postgres.tests.servers.dumps import dump_of
from ansible_collections.bandr.postgres.tests.servers.engine import make_backup

OLD_NAME = "backup-2025-03-04T05:06:07Z-dumpall.sql.gz"
OLDER_NAME = "backup-2025-03-03T05:06:07Z-dumpall.sql.gz"


@pytest.fixture(scope="module")
def source(fresh_server_of_module, newest_installation):
    server = fresh_server_of_module(newest_installation)
    server.psql("CREATE DATABASE tiny")
    return server


@pytest.fixture(scope="module", params=["gzip", "zstd"])
def made(request, source, tmp_path_factory):
    """A volume that holds one small backup, to be copied."""
    root = tmp_path_factory.mktemp("made")
    make_backup(root, source, codec=request.param, only_database="tiny")
    return root


def copy_of(made, root):
    """A copy of the volume that keeps times, and the path of its dump."""
    root.mkdir()
    shutil.copytree(made / "hourly", root / "hourly")
    return next(path for path in (root / "hourly").iterdir() if path.suffix != ".json")


def backup_of(root):
    """The one backup of a volume, as the catalog has it."""
    (backup,) = read_catalog(open_volume(str(root))).backups
    return backup


def change(path, content, keep_time=True):
    """Overwrite a file, with or without a trace in its time."""
    status = path.stat()
    path.write_bytes(content)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def flipped(content, position, bit):
    return content[:position] + bytes([content[position] ^ (1 << bit)]) + content[position + 1 :]


def promote(root, count=1):
    return run_backup(Context(), BackupRequest(str(root), TierPolicy("daily", 7, "hourly", count)))


def test_a_dump_cut_short_at_any_byte_is_damaged_at_sight(made, tmp_path):
    path = copy_of(made, tmp_path / "root")
    content = path.read_bytes()
    for length in range(len(content)):
        for keep_time in (True, False):
            change(path, content[:length], keep_time)
            assert backup_of(tmp_path / "root").state == DAMAGED, length
    change(path, content + b"\0")
    assert backup_of(tmp_path / "root").state == DAMAGED


def test_a_dump_without_manifest_cut_short_at_any_byte_is_found_damaged(made, tmp_path):
    path = copy_of(made, tmp_path / "root")
    Path(str(path) + ".json").unlink()
    content = path.read_bytes()
    # Every byte for the codec that costs nothing; each zstd is a process.
    step = 1 if path.suffix == ".gz" else 41
    for length in [*range(0, len(content), step), len(content) - 1]:
        change(path, content[:length])
        backup = backup_of(tmp_path / "root")
        assert backup.state != PROVEN
        with pytest.raises(BackupDamaged):
            proof.prove_backup(Context(), backup)
    change(path, content)
    assert proof.prove_backup(Context(), backup_of(tmp_path / "root")).database_names == ("tiny",)


def test_a_flipped_bit_in_any_byte_is_found_by_the_proof(made, tmp_path):
    path = copy_of(made, tmp_path / "root")
    content = path.read_bytes()
    step = 1 if path.suffix == ".gz" else 7
    for position in [*range(0, len(content), step), len(content) - 1]:
        change(path, flipped(content, position, position % 8), keep_time=False)
        assert backup_of(tmp_path / "root").state != PROVEN, position
        change(path, flipped(content, position, position % 8))
        os.utime(path, ns=(0, read_manifest(Path(str(path) + ".json").read_text()).modified_ns))
        backup = backup_of(tmp_path / "root")
        assert backup.state == PROVEN, "times that lie are what the proof is for"
        with pytest.raises(BackupDamaged):
            proof.prove_backup(Context(), backup)


@pytest.mark.parametrize("place", [0.0, 0.3, 0.6, 0.999])
def test_hidden_damage_is_found_remembered_and_never_promoted(made, source, tmp_path, place):
    root = tmp_path / "root"
    path = copy_of(made, root)
    content = path.read_bytes()
    change(path, flipped(content, int(place * len(content)), 3))
    (name,) = listed(root)
    with pytest.raises(BackupDamaged) as caught:
        promote(root)
    assert "Nothing was pruned" in caught.value.message and "is damaged" in caught.value.message
    assert listed(root) == {name: DAMAGED}
    assert "not whole" in backup_of(root).why
    # From now on it does not count, and nobody reads it again.
    assert promote(root)["missing"] == 1
    ended = run(root, None, "verify")
    assert ended.code == 8 and ended.result["damaged"] == [name.replace(" ", "/")] and not ended.result["changed"]
    ended = run(root, source, "recover", "--from", name.split()[1])
    assert (ended.code, ended.result["reason"]) == (7, "selection"), ended.said
    assert run(root, source, "recover").code == 7
    assert source.psql("SELECT count(*) FROM pg_database WHERE datname ~ 'aside'") == "0"
    # What is mended is good again, once it was read.
    change(path, content)
    assert run(root, None, "verify").code == 0
    assert listed(root) == {name: PROVEN}


def test_a_restore_that_finds_damage_says_so_and_touches_nothing(made, source, tmp_path):
    root = tmp_path / "root"
    path = copy_of(made, root)
    content = path.read_bytes()
    change(path, flipped(content, len(content) // 2, 0))
    before = dump_of(source)
    (name,) = listed(root)
    ended = run(root, source, "recover", "--replace", "--from", name.split()[1])
    assert (ended.code, ended.result["reason"]) == (8, "damaged"), ended.said
    assert dump_of(source) == before
    assert listed(root) == {name: DAMAGED}


def test_a_manifest_cut_short_or_flipped_anywhere_proves_nothing(made, tmp_path):
    root = tmp_path / "root"
    path = copy_of(made, root)
    manifest = Path(str(path) + ".json")
    text = manifest.read_bytes()
    for position in range(len(text)):
        manifest.write_bytes(text[:position])
        assert backup_of(root).state == DAMAGED, position
        manifest.write_bytes(flipped(text, position, position % 8))
        assert backup_of(root).state == DAMAGED, (position, position % 8)
    for more in (b"\n", b" ", text):
        manifest.write_bytes(text + more)
        assert backup_of(root).state == DAMAGED
    assert promote(root)["missing"] == 1
    # The dump itself is whole: reading it proves that, and makes a new manifest.
    ended = run(root, None, "verify")
    assert ended.code == 0 and ended.result["changed"]
    assert list(listed(root).values()) == [PROVEN]


def test_a_manifest_of_another_backup_proves_nothing(made, tmp_path):
    root = tmp_path / "root"
    path = copy_of(made, root)
    other = path.with_name("backup-2024-01-01T00:00:00Z-dumpall.sql" + path.suffix)
    path.rename(other)
    Path(str(path) + ".json").rename(str(other) + ".json")
    assert backup_of(root).state == DAMAGED and "belongs to" in backup_of(root).why
    ended = run(root, None, "verify")
    assert ended.code == 8 and "its manifest belongs to" in ended.said


def test_a_touched_backup_is_proven_anew_by_the_next_run(made, source, tmp_path):
    root = tmp_path / "root"
    path = copy_of(made, root)
    os.utime(path)
    (name,) = listed(root)
    assert listed(root)[name] == "unproven"
    assert promote(root)["method"] == "link"
    assert set(listed(root).values()) == {PROVEN}
    assert read_manifest(Path(str(path) + ".json").read_text()).origin == "bandr.postgres"


def test_verify_reads_a_file_once_though_tiers_share_it(made, tmp_path, monkeypatch):
    root = tmp_path / "root"
    copy_of(made, root)
    promote(root)
    read = []
    monkeypatch.setattr(proof, "decode", counting(proof.decode, read))
    result = verify(Context(), VerifyRequest(str(root)))
    assert [entry["tier"] for entry in result["backups"]] == ["hourly", "daily"] and len(read) == 1
    # Damage of the one file is damage of both.
    path = next(path for path in (root / "daily").iterdir() if path.suffix != ".json")
    content = path.read_bytes()
    change(path, flipped(content, len(content) // 2, 5))
    with pytest.raises(BackupDamaged) as caught:
        verify(Context(), VerifyRequest(str(root)))
    assert len(caught.value.details["damaged"]) == 2 and caught.value.details["changed"]
    assert set(listed(root).values()) == {DAMAGED}


def test_a_backup_that_is_pruned_while_others_are_verified_is_no_damage(made, source, tmp_path, monkeypatch):
    root = tmp_path / "root"
    path = copy_of(made, root)
    make_backup(root, source)
    prove = proof.decode

    def decode_and_prune(*arguments, **options):
        newest = max(entry for entry in (root / "hourly").iterdir() if entry.suffix != ".json")
        if newest != path:
            newest.unlink()
        return prove(*arguments, **options)

    monkeypatch.setattr(proof, "decode", decode_and_prune)
    result = verify(Context(), VerifyRequest(str(root)))
    assert len(result["backups"]) == 1 and result["damaged"] == []


def test_one_unreadable_file_does_not_hide_the_others(made, source, tmp_path, monkeypatch):
    root = tmp_path / "root"
    copy_of(made, root)
    make_backup(root, source)
    first, _second = read_catalog(open_volume(str(root))).backups

    def failing(runner, codec, file, *arguments, **options):
        if file.name == first.path:
            raise OSError(5, "Input/output error")
        return decode(runner, codec, file, *arguments, **options)

    decode = proof.decode
    monkeypatch.setattr(proof, "decode", failing)
    with pytest.raises(BackupDamaged) as caught:
        verify(Context(), VerifyRequest(str(root)))
    assert [entry["verified"] for entry in caught.value.details["backups"]] == [False, True]
    assert "Input/output error" in caught.value.details["backups"][0]["why"]
    # A storage that failed once is no proof of damage.
    assert set(listed(root).values()) == {PROVEN}


def counting(decode, read):
    def count(runner, codec, file, *arguments, **options):
        read.append(file.name)
        return decode(runner, codec, file, *arguments, **options)

    return count


# The predecessor's dumps


@pytest.fixture(scope="module")
def old_dump(source):
    """What the predecessor's pipeline wrote."""
    return gzip.compress(dump_of(source), mtime=0)


@pytest.fixture
def old_root(tmp_path, old_dump):
    root = tmp_path / "root"
    (root / "hourly").mkdir(parents=True)
    (root / "hourly" / OLD_NAME).write_bytes(old_dump)
    (root / "hourly" / "dumpall.sql.gz").write_bytes(old_dump)
    (root / "hourly" / "backup-notes.txt").write_text("do not delete")
    return root


def test_the_predecessors_dumps_are_proven_counted_promoted_and_pruned(source, old_root):
    shutil.copy(old_root / "hourly" / OLD_NAME, old_root / "hourly" / OLDER_NAME)
    before = run(old_root, None, "list")
    assert [entry["state"] for entry in before.result["backups"]] == ["unproven", "unproven"]
    assert len(before.result["strays"]) == 2
    ended = run(old_root, source, "backup", "--count", "2")
    assert ended.code == 0, ended.said
    assert ended.result["removed"] == ["2025-03-03T05:06:07Z"] and ended.result["warnings"] == []
    states = {entry["name"]: entry for entry in run(old_root, None, "list").result["backups"]}
    assert [entry["state"] for entry in states.values()] == [PROVEN, PROVEN]
    assert states["2025-03-04T05:06:07Z"]["databases"] == ["template1", "postgres", "tiny"]
    ended = run(old_root, None, "backup", BACKUP_TYPE="daily", BACKUP_COUNT="7", BACKUP_PRIOR_TYPE="hourly", BACKUP_PRIOR_COUNT="2")
    assert ended.result["method"] == "link" and ended.result["backup"]["name"] == "2025-03-04T05:06:07Z", ended.said
    # What is no backup stays.
    assert {"dumpall.sql.gz", "backup-notes.txt"} <= set(os.listdir(old_root / "hourly"))


def test_the_predecessors_dump_is_read_once(old_root, monkeypatch):
    read = []
    monkeypatch.setattr(proof, "decode", counting(proof.decode, read))
    for _number in range(2):
        assert verify(Context(), VerifyRequest(str(old_root), "unproven"))["damaged"] == []
    promote(old_root)
    assert len(read) == 2, "once to prove it, once before its promotion"
    manifest = read_manifest((old_root / "hourly" / (OLD_NAME + ".json")).read_text())
    assert (manifest.origin, manifest.sequence, manifest.codec) == ("predecessor", 0, "gzip")


def test_a_truncated_dump_of_the_predecessor_is_remembered_as_damaged(source, old_root, old_dump, monkeypatch):
    path = old_root / "hourly" / OLD_NAME
    path.write_bytes(old_dump[:-20])
    ended = run(old_root, source, "backup", "--count", "1")
    assert ended.code == 0, ended.said
    assert any("is damaged" in warning and OLD_NAME[7:27] in warning for warning in ended.result["warnings"])
    assert path.exists()
    states = {entry["name"]: entry["state"] for entry in run(old_root, None, "list").result["backups"]}
    assert states["2025-03-04T05:06:07Z"] == DAMAGED
    read = []
    monkeypatch.setattr(proof, "decode", counting(proof.decode, read))
    promote(old_root)
    assert not any(OLD_NAME in name for name in read), "damage that is known is not looked for again"
    assert run(old_root, source, "backup").result["warnings"] == []
    # The copy that was still under way when it was read comes to its end.
    path.write_bytes(old_dump)
    assert run(old_root, source, "backup").code == 0
    states = {entry["name"]: entry["state"] for entry in run(old_root, None, "list").result["backups"]}
    assert states["2025-03-04T05:06:07Z"] == PROVEN


@pytest.mark.parametrize(
    "content",
    [b"", gzip.compress(b""), gzip.compress(b"SELECT 1;\n"), b"no gzip", gzip.compress(b"x")[:-4]],
    ids=["empty", "empty gzip", "no dump", "no gzip", "cut gzip"],
)
def test_files_that_are_no_dumps_are_never_proven(old_root, content):
    path = old_root / "hourly" / OLD_NAME
    path.write_bytes(content)
    ended = run(old_root, None, "verify")
    assert ended.code == 8, ended.said
    assert run(old_root, None, "list").result["backups"][0]["state"] == DAMAGED
    assert promote(old_root)["missing"] == 1
    assert path.read_bytes() == content


def test_globals_alone_are_no_backup(source, old_root):
    (old_root / "hourly" / OLD_NAME).write_bytes(gzip.compress(dump_of(source, "--globals-only")))
    ended = run(old_root, None, "verify")
    assert ended.code == 8, ended.said


def test_a_dry_run_reads_nothing(old_root):
    ended = run(old_root, None, "verify", "--dry-run")
    assert ended.code == 0 and ended.result["backups"][0]["verified"] is False
    assert not (old_root / "hourly" / (OLD_NAME + ".json")).exists()


def test_what_to_verify_is_chosen_like_a_restore(old_root, old_dump):
    (old_root / "hourly" / OLDER_NAME).write_bytes(old_dump)
    for wanted, expected in (
        ("latest", "2025-03-04T05:06:07Z"),
        ("2025-03-03", "2025-03-03T05:06:07Z"),
        (OLDER_NAME, "2025-03-03T05:06:07Z"),
    ):
        ended = run(old_root, None, "verify", "--from", wanted)
        assert [entry["name"] for entry in ended.result["backups"]] == [expected]
    ended = run(old_root, None, "verify", "--from", "2019")
    assert ended.code == 7 and "2025-03-03T05:06:07Z" in ended.message
    assert run(old_root, None, "verify", "--from", "none").code == 7


def test_what_is_found_of_a_file_is_known_in_every_tier_at_once(made, tmp_path):
    root = tmp_path / "root"
    copy_of(made, root)
    promote(root)
    volume = open_volume(str(root))
    (hourly,) = read_catalog(volume, ("hourly",)).backups
    # A proof: the file was touched, and read in one of the tiers.
    os.utime(hourly.path, ns=(1, 1))
    assert set(listed(root).values()) == {"unproven"} and len(listed(root)) == 2
    (hourly,) = read_catalog(volume, ("hourly",)).backups
    prove_and_record(Context(), volume, hourly)
    assert set(listed(root).values()) == {"proven"}
    # Damage: found in one of the tiers.
    path = Path(hourly.path)
    change(path, flipped(path.read_bytes(), path.stat().st_size // 2, 3))
    (hourly,) = read_catalog(volume, ("hourly",)).backups
    with pytest.raises(BackupDamaged):
        prove_and_record(Context(), volume, hourly)
    assert set(listed(root).values()) == {"damaged"}
    # Another file of that name elsewhere is not spoken of.
    other = root / "weekly" / hourly.file_name
    other.parent.mkdir()
    copy_of(made, tmp_path / "copies")
    for name in os.listdir(tmp_path / "copies" / "hourly"):
        shutil.copy2(tmp_path / "copies" / "hourly" / name, other.parent / name)
    assert [state for name, state in listed(root).items() if name.startswith("weekly")] == ["proven"]


def test_a_reading_without_a_manifest_never_takes_the_place_of_one(made, tmp_path):
    root = tmp_path / "root"
    copy_of(made, root)
    promote(root)
    volume = open_volume(str(root))
    (hourly,) = read_catalog(volume, ("hourly",)).backups
    (daily,) = read_catalog(volume, ("daily",)).backups
    os.utime(hourly.path, ns=(1, 1))
    Path(hourly.path + ".json").unlink()
    rich = Path(daily.path + ".json").read_bytes()
    (hourly,) = read_catalog(volume, ("hourly",)).backups
    prove_and_record(Context(), volume, hourly)
    assert Path(daily.path + ".json").read_bytes() == rich
    assert sorted(listed(root).values()) == ["proven", "unproven"]
