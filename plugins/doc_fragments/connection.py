# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the connection to a server."""

from __future__ import annotations


class ModuleDocFragment:
    """Shared by all modules that talk to a server."""

    DOCUMENTATION = r"""
options:
  host:
    description:
      - The server's host name, address, or folder of its socket.
      - What is not given here or in the following options is taken from the variables of libpq, such as E(PGHOST).
      - Without it, a service that E(PGSERVICE) names is taken, but never its database and its C(options), which may go into E(PGOPTIONS).
        A password that the service has counts more than O(password) and O(passfile).
    type: str
  port:
    description: The server's port.
    type: int
  user:
    description:
      - The user to connect as, V(postgres) unless E(PGUSER) says otherwise.
      - A backup needs a superuser, or a user that may read all data if the passwords of roles are left out. A restore needs a superuser.
    type: str
  password:
    description:
      - The user's password. It reaches the client programs by their environment, never by their arguments.
      - Mutually exclusive with O(passfile).
    type: str
  passfile:
    description:
      - A password file as libpq knows it, on the host that runs the module. It counts more than E(PGPASSWORD).
      - A file that others may read, which libpq would ignore, is copied to a private place while the module runs.
    type: path
  sslmode:
    description: How to protect the connection, as libpq understands it.
    type: str
    choices: [disable, allow, prefer, require, verify-ca, verify-full]
  sslrootcert:
    description: A file with the certificates of the authorities that may vouch for the server.
    type: path
  maintenance_database:
    description: The database to connect to for everything that concerns the whole server.
    type: str
    default: postgres
  client_folder:
    description:
      - The folder of PostgreSQL's client programs, for example C(/usr/lib/postgresql/17/bin).
      - By default they are looked up on E(PATH). They must not be older than the server.
    type: path
requirements:
  - PostgreSQL client programs (C(pg_dumpall), C(pg_dump), C(psql)) on the host that runs the module
  - zstd on the host that runs the module, unless backups are compressed by gzip
"""
