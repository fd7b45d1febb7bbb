# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which right was missing, or that nobody was known, out of what the API server says when it refuses something.

It forbids for other reasons too (a quota, Pod Security, a security context constraint); those have words of their own and are left alone.
"""

from __future__ import annotations

import re

# Kubernetes' words, and OpenShift's, which are the same.
_DENIED = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>[a-z]+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)?'
)


_UNAUTHORIZED = 401
_NOBODY = (
    "The API server does not know who asks: the token or the certificate has expired, or belongs to another cluster. "
    "Log in again, or correct K8S_AUTH_*, KUBECONFIG or pg_backup_kubeconfig. What runs in the cluster goes on meanwhile."
)


def explained(status: int | None, message: str) -> str:
    """A sentence for a refusal that says what to do, or nothing where the API server's own words have to do."""
    return _NOBODY if status == _UNAUTHORIZED else missing_right(message)


def missing_right(message: str) -> str:
    """A sentence that names verb, resource and namespace, or nothing where ``message`` is not about a right that is missing."""
    found = _DENIED.search(message)
    if found is None:
        return ""
    resource = found["resource"] + (".%s" % found["group"] if found["group"] else "")
    where = " in the namespace %s" % found["namespace"] if found["namespace"] else " in the whole cluster"
    return "%s may not %s %s%s: let somebody give it that right; docs/openshift.md has a Role with all that are needed." % (
        _who(found["user"]),
        found["verb"],
        resource,
        where,
    )


def _who(user: str) -> str:
    _system, kind, *rest = (user + "::").split(":")
    if kind == "serviceaccount" and len(rest) > 1 and rest[1]:
        return "The service account %s of the namespace %s" % (rest[1], rest[0])
    return "The user %s" % user
