# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build and push the image that backs up PostgreSQL servers on a cluster
version_added: 1.0.0
author:
  - The bandr.postgres authors (@bandr)
description:
  - Builds one image from a Containerfile, the files beside it and the engine of this collection, pushes it, and returns its digest.
  - The tag is a hash over all of these inputs. When the registry holds that tag already, nothing is built and nothing changes.
  - The role P(bandr.postgres.pg_backup#role) uses it; the module is useful alone to build the image in a pipeline.
options:
  repository:
    description:
      - Where the image goes, without a tag, for example V(registry.example.com/team/postgres-backup).
    type: str
    required: true
  folder:
    description:
      - Folder with the C(Containerfile) and the files beside it.
    type: path
    required: true
  engine:
    description:
      - Folder with the engine's Python files.
    type: path
    required: true
  base:
    description:
      - The image to start from. It has PostgreSQL's client programs, or O(packages) brings them.
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
      - Values for further C(ARG)s of the C(Containerfile), and for those that every builder knows, such as C(HTTPS_PROXY).
        They take part in the hash.
    type: dict
    default: {}
  builder:
    description:
      - The program that builds and pushes.
      - V(auto) takes the first of C(podman), C(buildah) and C(docker) that is installed.
    type: str
    choices: [auto, podman, buildah, docker]
    default: auto
  tls_verify:
    description:
      - Whether the registry must show a valid certificate. C(docker) takes this from its daemon's configuration instead.
    type: bool
    default: true
  authfile:
    description:
      - File with the credentials for the registry, as C(podman login) writes it. C(docker) uses its own.
    type: path
  extra_arguments:
    description:
      - Further arguments for the build command, for example V(--isolation=chroot). They do not take part in the hash.
    type: list
    elements: str
    default: []
requirements:
  - podman, buildah or docker
  - skopeo, where it is installed, makes the look into the registry quicker
attributes:
  check_mode:
    description: Looks into the registry and builds nothing.
    support: full
  diff_mode:
    description: Shows the tag that would be new.
    support: full
  idempotent:
    description: The hash decides.
    support: full
"""

EXAMPLES = r"""
- name: Build the image in a pipeline
  bandr.postgres.image_build:
    repository: registry.example.com/team/postgres-backup
    folder: roles/pg_backup/files/image
    engine: plugins/module_utils/_engine
    base: docker.io/library/postgres:17
  delegate_to: localhost
"""

RETURN = r"""
image:
  description: The image by its digest; by its tag where check mode did not build it.
  returned: success
  type: str
  sample: registry.example.com/team/postgres-backup@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9
reference:
  description: The image by its tag.
  returned: success
  type: str
  sample: registry.example.com/team/postgres-backup:inputs-8d0c1f3a52b7c64e9f10
digest:
  description: The digest in the registry; empty where check mode did not build the image.
  returned: success
  type: str
  sample: sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9
inputs:
  description: The hash over all inputs.
  returned: success
  type: str
  sample: 8d0c1f3a52b7c64e9f108d0c1f3a52b7c64e9f108d0c1f3a52b7c64e9f108d0c
builder:
  description: The program that builds and pushes.
  returned: success
  type: str
  sample: podman
"""

import os
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.bandr.postgres.plugins.module_utils._image import Builder, ImageError, Inputs, choose_builder


def build(module: AnsibleModule) -> dict:
    """Look, and build and push what is not there."""
    params = module.params
    arguments = tuple(sorted((str(name), str(value)) for name, value in params["arguments"].items()))
    inputs = Inputs(params["folder"], params["engine"], params["base"], tuple(params["packages"]), params["revision"], arguments)
    builder = Builder(
        name=choose_builder(params["builder"]),
        run=module.run_command,
        tls_verify=params["tls_verify"],
        authfile=params["authfile"],
        extra_arguments=tuple(params["extra_arguments"]),
    )
    reference = "%s:%s" % (params["repository"], inputs.tag())
    digest = builder.digest_in_registry(reference)
    changed = digest is None
    if changed and not module.check_mode:
        context = tempfile.mkdtemp(prefix="bandr-image-", dir=module.tmpdir)
        try:
            inputs.write_context(context)
            builder.build(context, inputs, reference)
            digest = builder.push(reference, os.path.join(context, "digest"))
        finally:
            shutil.rmtree(context, ignore_errors=True)
    return {
        "changed": changed,
        "image": "%s@%s" % (params["repository"], digest) if digest else reference,
        "reference": reference,
        "digest": digest or "",
        "inputs": inputs.digest(),
        "builder": builder.name,
        "diff": {"before": "" if changed else reference + "\n", "after": reference + "\n"},
    }


def main() -> None:
    """Read the options, build, and answer in Ansible's way."""
    module = AnsibleModule(
        argument_spec={
            "repository": {"type": "str", "required": True},
            "folder": {"type": "path", "required": True},
            "engine": {"type": "path", "required": True},
            "base": {"type": "str", "default": "docker.io/library/postgres:17"},
            "packages": {"type": "list", "elements": "str", "default": []},
            "revision": {"type": "str", "default": ""},
            "arguments": {"type": "dict", "default": {}},
            "builder": {"type": "str", "choices": ["auto", "podman", "buildah", "docker"], "default": "auto"},
            "tls_verify": {"type": "bool", "default": True},
            "authfile": {"type": "path"},
            "extra_arguments": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**build(module))
    except (ImageError, OSError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
