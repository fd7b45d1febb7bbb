# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights a client uses: a way to the API server that writes down what is asked of it, and a comparison with a Role.

    rights watch KUBECONFIG FILE PORT    stand between clients and the API server, until somebody asks for /stop
    rights show PAGE NAME [RIGHT]        the Role NAME of a page of the documentation as JSON, without a right if one is named
    rights compare PAGE NAME FILE [ALSO] that Role beside what was asked by one who also has the Role ALSO; exits 1 when they differ

A right is written as ``verb resource.group``. Whoever asks needs a token of his own; the way adds none.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_CHUNK = 65536
_SOMETIMES = {
    # Asked for only when a pod or a Build does not start at once.
    "list events",
    "get pods",
    # No deployed Build has the context of another engine any more, and the tests' stand-in for OpenShift deletes no tags.
    "delete configmaps",
    "delete imagestreamtags.image.openshift.io",
}
_HOP = {"connection", "host", "keep-alive", "transfer-encoding", "content-length"}


def rights_of(method: str, target: str, status: int) -> set[str]:
    """The rights that a request needed; none for what is no object, such as the list of APIs."""
    split = urlsplit(target)
    words = [word for word in split.path.split("/") if word]
    if words[:1] == ["api"] and len(words) > 2:
        group, words = "", words[2:]
    elif words[:1] == ["apis"] and len(words) > 3:
        group, words = words[1], words[3:]
    else:
        return set()
    if words[0] == "namespaces" and len(words) > 2:
        words = words[2:]
    resource = "/".join([words[0], *words[2:3]]) + ("." + group if group else "")
    named = len(words) > 1
    if method == "GET":
        verb = "get" if named else "watch" if "watch" in parse_qs(split.query) else "list"
    elif method == "DELETE":
        verb = "delete" if named else "deletecollection"
    else:
        verb = _VERBS[method]
    # To apply what does not exist creates it.
    more = {"create %s" % resource} if method == "PATCH" and status == http.HTTPStatus.CREATED else set()
    return {"%s %s" % (verb, resource)} | more


def rights_in(role: dict) -> set[str]:
    """The rights that a Role gives."""
    return {
        "%s %s" % (verb, resource + ("." + group if group else ""))
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def role_of(page: str, name: str) -> dict:
    """The Role of that name among the YAML of a page."""
    for block in re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        for document in yaml.safe_load_all(block):
            if isinstance(document, dict) and document.get("kind") == "Role" and document["metadata"]["name"] == name:
                return document
    raise LookupError("the page has no Role %s" % name)


def without(role: dict, right: str) -> dict:
    """The Role without one right, a rule for each of the others."""
    kept = sorted(rights_in(role) - {right})
    if len(kept) == len(rights_in(role)):
        raise LookupError("the Role has no right %s" % right)
    parts = [(verb, *name.partition(".")[::2]) for verb, name in (one.split(" ") for one in kept)]
    return dict(role, rules=[{"verbs": [verb], "resources": [resource], "apiGroups": [group]} for verb, resource, group in parts])


def watch(kubeconfig: str, file: str, port: int) -> None:
    """Serve until /stop is asked for, then write what was used."""
    cluster = yaml.safe_load(Path(kubeconfig).read_text(encoding="utf-8"))["clusters"][0]["cluster"]
    address = urlsplit(cluster["server"])
    authority = cluster.get("certificate-authority-data")
    context = ssl.create_default_context(
        cadata=base64.b64decode(authority).decode() if authority else None, cafile=cluster.get("certificate-authority")
    )
    used: set[str] = set()

    class Way(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            if self.path == "/stop":
                self.send_response(http.HTTPStatus.NO_CONTENT)
                self.end_headers()
                threading.Thread(target=server.shutdown, daemon=True).start()
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            passed = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            connection = http.client.HTTPSConnection(address.hostname, address.port, context=context)
            with contextlib.closing(connection):
                connection.request(self.command, self.path, body or None, passed)
                answer = connection.getresponse()
                # What is refused was not needed, or the play would have ended.
                if answer.status != http.HTTPStatus.FORBIDDEN:
                    used.update(rights_of(self.command, self.path, answer.status))
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _HOP:
                        self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while chunk := answer.read1(_CHUNK):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 (as http.server calls them)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Way)
    server.serve_forever(poll_interval=0.1)
    Path(file).write_text(json.dumps(sorted(used)), encoding="utf-8")


def compare(page: str, name: str, file: str, also: str | None = None) -> int:
    """Say what the Role lacks, beside the Role ``also``, and what it gives for nothing."""
    text = Path(page).read_text(encoding="utf-8")
    given = rights_in(role_of(text, name))
    used = set(json.loads(Path(file).read_text(encoding="utf-8")))
    lacking = used - given - (rights_in(role_of(text, also)) if also else set())
    for right in sorted(lacking):
        print("The Role %s lacks: %s" % (name, right))
    idle = given - used - _SOMETIMES
    for right in sorted(idle):
        print("Nothing uses, though the Role %s gives it: %s" % (name, right))
    return int(bool(lacking or idle))


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    elif sys.argv[1] == "show":
        shown = role_of(Path(sys.argv[2]).read_text(encoding="utf-8"), sys.argv[3])
        print(json.dumps(without(shown, sys.argv[4]) if sys.argv[4:] else shown))
    else:
        sys.exit(compare(*sys.argv[2:6]))
