# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: openshift_build
short_description: Build the image that backs up PostgreSQL servers inside an OpenShift cluster
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Builds one image from a Containerfile, the files beside it and the engine of this collection with OpenShift's own build API,
    and returns it by its digest in the cluster's registry. Neither a registry of yours nor a program that builds is needed.
  - Makes an ImageStream, ConfigMaps with the files, and a C(Build), all applied on the server's side. Build and tag are named by a hash over
    all inputs, so when the stream has that tag already, nothing is built and nothing changes, also when the C(Build) itself is gone.
  - Follows the C(Build) to its end. One that cannot start is told after O(grace) seconds with its reason, and one that takes longer than
    O(timeout) is cancelled. A C(Build) that another run has started is followed and not started twice.
  - A C(Build) that failed stays to be looked at. The next run with the same inputs starts another one, since the cause may have been outside;
    its name ends with the number of the attempt.
  - After each build the oldest C(Builds), tags and ConfigMaps of the stream go, but none that is in use.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
options:
  namespace:
    description:
      - The namespace to build in. Builds need a namespace that does not enforce the Pod Security levels V(baseline) or V(restricted).
    type: str
    required: true
  stream:
    description:
      - The name of the ImageStream, and the first part of the names of all that is made for it.
    type: str
    default: postgres-backup
  folder:
    description:
      - Folder with the C(Containerfile) and the files beside it.
    type: path
    required: true
  engine:
    description:
      - Folder with the engine's Python files, which the C(Containerfile) finds as C(bandr_engine). Without it there are none.
    type: path
  base:
    description:
      - The image to start from. It has PostgreSQL's client programs, or O(packages) brings them.
      - With the name of its registry, as in V(docker.io/library/postgres:17), it is pulled from there. Without one it is a tag of an
        ImageStream in the cluster, as in V(openshift/postgresql:16-el9), or in O(namespace) where no namespace is named.
    type: str
    default: docker.io/library/postgres:17
  packages:
    description:
      - Packages to install on top of the base with its own package manager (apt, dnf or microdnf).
    type: list
    elements: str
    default: []
  revision:
    description:
      - Any text. It takes part in the hash, so that another one builds a new image from the same inputs,
        for example to take in the security updates of O(base).
    type: str
    default: ''
  arguments:
    description:
      - Values for further C(ARG)s of the C(Containerfile), and for those that every build knows, such as C(HTTPS_PROXY).
      - They take part in the hash, and everybody who may read the C(Build) sees them.
    type: dict
    default: {}
  pull_secret:
    description:
      - A Secret in O(namespace) with the credentials for the registry of O(base).
    type: str
  resources:
    description:
      - What the pod of the C(Build) requests and may use, where the namespace's own limits do not fit.
    type: dict
    default: {}
  node_selector:
    description:
      - Labels of the nodes where the C(Build) may run.
    type: dict
    default: {}
  labels:
    description:
      - Further labels for all that is made.
    type: dict
    default: {}
  build_config:
    description:
      - Whether to keep a C(BuildConfig) with the same content, for people who press I(Start build) in the console.
      - Nothing else starts it. What it builds goes to the same tag, and the next run returns that image's digest.
    type: bool
    default: false
  pull_namespaces:
    description:
      - Namespaces whose pods get the right to pull the image, by a RoleBinding to C(system:image-puller) for each.
    type: list
    elements: str
    default: []
  used_in:
    description:
      - Namespaces, beside O(namespace) and O(pull_namespaces), whose CronJobs and Jobs may run images of the stream.
        No tag is deleted that one of them names.
    type: list
    elements: str
    default: []
  keep:
    description:
      - How many tags that are not in use, and how many failed C(Builds), stay after a build.
    type: int
    default: 3
  timeout:
    description:
      - Seconds after which the C(Build) is cancelled.
    type: int
    default: 1800
  grace:
    description:
      - Seconds that a C(Build) may look as if it could never start before it is given up.
    type: int
    default: 30
  log_file:
    description:
      - A file to which each line of the log is appended as it comes, on the host that runs the module.
    type: path
  show_log:
    description:
      - Whether to show each line of the log as it comes, when the module runs on the machine that runs Ansible.
    type: bool
    default: false
requirements:
  - openshift >= 0.13.2
  - kubernetes >= 24.2.0
  - PyYAML >= 3.11
attributes:
  check_mode:
    description: The API server tries the objects and keeps none; nothing is built.
    support: full
  diff_mode:
    description: Shows the objects that come and go by their names.
    support: full
  idempotent:
    description: The hash over the inputs decides.
    support: full
seealso:
  - module: bandr.postgres.image_build
"""

EXAMPLES = r"""
- name: Build the image in the cluster
  bandr.postgres.openshift_build:
    namespace: databases
    folder: roles/pg_backup/files/image
    engine: plugins/module_utils/_engine
    base: openshift/postgresql:16-el9
  register: image

- name: Name it by its digest
  ansible.builtin.debug:
    msg: "{{ image.image }}"
"""

RETURN = r"""
image:
  description: The image by its digest; by its tag where check mode did not build it, and empty where the build failed.
  returned: always
  type: str
  sample: image-registry.openshift-image-registry.svc:5000/databases/postgres-backup@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9
reference:
  description: The image by its tag.
  returned: always
  type: str
  sample: image-registry.openshift-image-registry.svc:5000/databases/postgres-backup:inputs-8d0c1f3a52b7c64e9f10
digest:
  description: The digest of the image; empty where there is no image.
  returned: always
  type: str
  sample: sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9
inputs:
  description: The hash over all inputs.
  returned: always
  type: str
  sample: 8d0c1f3a52b7c64e9f108d0c1f3a52b7c64e9f108d0c1f3a52b7c64e9f108d0c
msg:
  description: A sentence about what was found or done, or about the failure.
  returned: always
  type: str
  sample: The tag postgres-backup:inputs-8d0c1f3a52b7c64e9f10 holds the image of these inputs.
succeeded:
  description: Whether there is nothing to complain about.
  returned: always
  type: bool
  sample: true
outcome:
  description:
    - V(kept) where the image was there, V(complete) after a build, V(check) where check mode would build;
      of a build that is none, V(failed), V(hopeless) for one that cannot start, or V(timeout).
  returned: always
  type: str
  sample: complete
reason:
  description: The reason of a failure in one word, as OpenShift says it.
  returned: always
  type: str
  sample: DockerBuildFailed
build:
  description: The name of the Build that was made or followed, or of the last one of these inputs.
  returned: always
  type: str
  sample: postgres-backup-8d0c1f3a52b7c64e9f10
namespace:
  description: The namespace that was built in.
  returned: always
  type: str
  sample: databases
stream:
  description: The name of the ImageStream.
  returned: always
  type: str
  sample: postgres-backup
objects:
  description: What was applied, followed, cancelled or deleted, or would be in check mode; nothing of what was already as it should be.
  returned: always
  type: list
  elements: dict
  contains:
    kind:
      description: The kind.
      type: str
      sample: Build
    name:
      description: The name.
      type: str
      sample: postgres-backup-8d0c1f3a52b7c64e9f10
    state:
      description: One of created, changed, followed, cancelled and deleted.
      type: str
      sample: created
log:
  description: The log of the Build; empty where none ran. Of a long one the last 20,000 lines.
  returned: always
  type: str
  sample: "STEP 1/9: FROM docker.io/library/postgres:17\n"
log_lines:
  description: The same by lines.
  returned: always
  type: list
  elements: str
  sample: ["STEP 1/9: FROM docker.io/library/postgres:17"]
seconds:
  description: How long it took.
  returned: always
  type: float
  sample: 74.2
"""

from ansible_collections.bandr.postgres.plugins.module_utils._builds.door import build_in_cluster
from ansible_collections.bandr.postgres.plugins.module_utils._quiet import QuietModule
from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC

OPTIONS = {
    "namespace": {"type": "str", "required": True},
    "stream": {"type": "str", "default": "postgres-backup"},
    "folder": {"type": "path", "required": True},
    "engine": {"type": "path"},
    "base": {"type": "str", "default": "docker.io/library/postgres:17"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "revision": {"type": "str", "default": ""},
    "arguments": {"type": "dict", "default": {}},
    # The name of an object, and no secret itself.
    "pull_secret": {"type": "str", "no_log": False},
    "resources": {"type": "dict", "default": {}},
    "node_selector": {"type": "dict", "default": {}},
    "labels": {"type": "dict", "default": {}},
    "build_config": {"type": "bool", "default": False},
    "pull_namespaces": {"type": "list", "elements": "str", "default": []},
    "used_in": {"type": "list", "elements": "str", "default": []},
    "keep": {"type": "int", "default": 3},
    "timeout": {"type": "int", "default": 1800},
    "grace": {"type": "int", "default": 30},
    "log_file": {"type": "path"},
    "show_log": {"type": "bool", "default": False},
}


def main() -> None:
    """Read the options, see that the image is there, and answer in Ansible's way."""
    build_in_cluster(QuietModule(argument_spec=dict(AUTH_ARG_SPEC, **OPTIONS), supports_check_mode=True))


if __name__ == "__main__":
    main()
