# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own regression database: what its test suite leaves behind is the hardest database there is.

The suite comes with Debian's source package and is written for one major version. apt keeps its lists
in a folder of ours, and packages are unpacked there, so that the machine stays as it is.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass

from ansible_collections.bandr.postgres.tests.servers.folder import ServerFolder
from ansible_collections.bandr.postgres.tests.servers.installations import Installation
from ansible_collections.bandr.postgres.tests.servers.server import Server, ServerFailed

DATABASE = "regression"
_NEEDED_PROGRAMS = ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query", "cc")
_APT_SOURCES = "/etc/apt/sources.list.d/*.sources"
_SECONDS_PER_SCRIPT = 300
# As the suite's own driver sets them.
_DATABASE_SETTINGS = {"lc_messages": "C", "lc_monetary": "C", "lc_numeric": "C", "lc_time": "C", "bytea_output": "hex"}


class Unobtainable(Exception):
    """The suite cannot be had on this machine; the message says why."""


@dataclass(frozen=True)
class Suite:
    """The regression tests of one major version and the headers to compile their library with."""

    scripts: str
    headers: str


def obtain_suite(installation: Installation, folder: str) -> Suite:
    """Fetch the suite of ``installation``, one of Debian's, into ``folder``, or take what is there; raises Unobtainable."""
    missing = [program for program in _NEEDED_PROGRAMS if shutil.which(program) is None]
    if missing:
        raise Unobtainable("not installed here: %s" % ", ".join(missing))
    os.makedirs(folder, exist_ok=True)
    version = _run(["dpkg-query", "--show", "--showformat=${Version}", "postgresql-%d" % installation.major], folder)
    scripts, headers = os.path.join(folder, "regress"), os.path.join(folder, "headers-%s" % version)
    if not (os.path.isdir(scripts) and os.path.isdir(headers)):
        _run(["apt-get", *_apt_options(folder), "update"], folder)
    if not os.path.isdir(scripts):
        _unpack_source(_download_source(installation, folder), scripts)
    if not os.path.isdir(headers):
        # What is compiled with a newer minor's headers may need functions that the server lacks, and does not load then.
        _unpack_headers(_download_headers("postgresql-server-dev-%d" % installation.major, version, folder), headers)
    return Suite(scripts, os.path.join(headers, "usr", "include", "postgresql", str(installation.major), "server"))


def build_database(server: Server, suite: Suite) -> ServerFolder:
    """Run the whole suite on ``server``; returns the folder of its library, which every restore needs too; raises Unobtainable."""
    folder = ServerFolder()
    scripts = shutil.copytree(suite.scripts, os.path.join(folder.path, "regress"))
    library_folder = os.path.join(folder.path, "lib")
    _make_libraries(suite, scripts, library_folder, server.installation)
    _open_to_server(folder.path)
    try:
        server.psql("LOAD '%s'" % os.path.join(library_folder, "regress.so"))
    except ServerFailed as error:
        raise Unobtainable("the suite's library, compiled for another minor release, does not load (%s)" % error) from error
    results = os.path.join(scripts, "results")
    os.mkdir(results)
    os.chmod(results, 0o777)
    server.psql("CREATE DATABASE \"%s\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'" % DATABASE)
    for name, value in _DATABASE_SETTINGS.items():
        server.psql("ALTER DATABASE \"%s\" SET %s TO '%s'" % (DATABASE, name, value))
    environment = {
        **server.environment,
        "PGDATABASE": DATABASE,
        "PGTZ": "PST8PDT",
        "PGDATESTYLE": "Postgres, MDY",
        "PGOPTIONS": "-c intervalstyle=postgres_verbose",
        "PG_ABS_SRCDIR": scripts,
        "PG_ABS_BUILDDIR": scripts,
        "PG_LIBDIR": library_folder,
        "PG_DLSUFFIX": ".so",
    }
    for test in _schedule(scripts):
        with open(os.path.join(scripts, "sql", test + ".sql"), "rb") as script:
            subprocess.run(
                [server.installation.program("psql"), "-X", "-q", "-w", "-v", "HIDE_TABLEAM=on", "-v", "HIDE_TOAST_COMPRESSION=on"],
                check=False,
                stdin=script,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=scripts,
                env=environment,
                timeout=_SECONDS_PER_SCRIPT,
            )
    return folder


def _schedule(scripts: str) -> list[str]:
    with open(os.path.join(scripts, "parallel_schedule"), encoding="utf-8") as file:
        lines = [line[len("test:") :].split() for line in file if line.startswith("test:")]
    return [test for line in lines for test in line if os.path.exists(os.path.join(scripts, "sql", test + ".sql"))]


def _download_source(installation: Installation, folder: str) -> str:
    options = _apt_options(folder)
    package = "postgresql-%d" % installation.major
    known = re.findall(r"^Version: (\S+)$", _run(["apt-cache", *options, "showsrc", package], folder), re.MULTILINE)
    # Updates may name a source that their server no longer has; an older one does as well.
    for version in sorted(known, key=lambda text: [int(number) for number in re.findall(r"\d+", text)], reverse=True):
        try:
            _run(["apt-get", *options, "source", "--download-only", "%s=%s" % (package, version)], folder)
        except Unobtainable:
            continue
        return glob.glob(os.path.join(glob.escape(folder), "%s_*.orig.tar.*" % package))[0]
    raise Unobtainable("apt knows no source of %s that can be fetched" % package)


def _download_headers(package: str, version: str, folder: str) -> str:
    """The package file of that version, or of the newest one where it is gone."""
    place = os.path.join(folder, "downloaded")
    for wanted in ("%s=%s" % (package, version), package):
        shutil.rmtree(place, ignore_errors=True)
        os.mkdir(place)
        try:
            _run(["apt-get", *_apt_options(folder), "download", wanted], place)
        except Unobtainable:
            continue
        return glob.glob(os.path.join(glob.escape(place), "*.deb"))[0]
    raise Unobtainable("apt knows no %s that can be fetched" % package)


def _unpack_headers(package: str, target: str) -> None:
    beside = target + ".unpacked"
    shutil.rmtree(beside, ignore_errors=True)
    _run(["dpkg-deb", "-x", package, beside], os.path.dirname(target))
    os.rename(beside, target)


def _apt_options(folder: str) -> list[str]:
    parts, lists = os.path.join(folder, "sources.list.d"), os.path.join(folder, "lists")
    os.makedirs(parts, exist_ok=True)
    os.makedirs(os.path.join(lists, "partial"), exist_ok=True)
    for path in glob.glob(_APT_SOURCES):
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"(?m)^Types:.*$", "Types: deb deb-src", file.read())
        with open(os.path.join(parts, os.path.basename(path)), "w", encoding="utf-8") as file:
            file.write(text)
    settings = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": parts,
        "Dir::State::lists": lists,
        "Dir::Cache::srcpkgcache": "",
        "Dir::Cache::pkgcache": "",
        "APT::Sandbox::User": "root",
    }
    return ["-q", *(part for name, value in settings.items() for part in ("-o", "%s=%s" % (name, value)))]


def _unpack_source(archive: str, target: str) -> None:
    beside = target + ".unpacked"
    with tarfile.open(archive) as file:
        wanted = [member for member in file if "/src/test/regress/" in member.name]
        file.extractall(beside, wanted, filter="data")
    (found,) = glob.glob(os.path.join(glob.escape(beside), "*", "src", "test", "regress"))
    os.rename(found, target)
    shutil.rmtree(beside)


def _make_libraries(suite: Suite, scripts: str, library_folder: str, installation: Installation) -> None:
    os.mkdir(library_folder)
    library = os.path.join(library_folder, "regress.so")
    _run(["cc", "-O1", "-w", "-fPIC", "-shared", "-I", suite.headers, "-o", library, os.path.join(scripts, "regress.c")], scripts)
    for name in ("refint.so", "autoinc.so"):
        own = os.path.join(os.path.dirname(installation.bin_folder), "lib", name)
        if os.path.exists(own):
            os.symlink(own, os.path.join(library_folder, name))


def _open_to_server(top: str) -> None:
    for place, _folders, files in os.walk(top):
        os.chmod(place, os.stat(place).st_mode | 0o055)
        for name in files:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                os.chmod(path, os.stat(path).st_mode | 0o044)


def _run(command: list[str], folder: str) -> str:
    result = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=folder, timeout=300)
    if result.returncode != 0:
        raise Unobtainable("%s ended with status %d: %s" % (command[0], result.returncode, result.stderr.strip()[-500:]))
    return result.stdout
