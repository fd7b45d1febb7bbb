# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes cluster for tests: the one that KUBECONFIG names, else one that is made here.

    cluster up FILE      find or make a cluster, and write what tests need to know of it to FILE (JSON)
    cluster down FILE    take away what `up` made, and nothing else

Without KUBECONFIG, kind makes one where Docker or Podman runs; else, as root on Debian, tests/one-node does, with OpenShift's build API.
A cluster that is given needs a registry that this machine can push to and its nodes can pull from, in REGISTRY, unless it builds images itself.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ONE_NODE = Path(__file__).resolve().parent.parent / "one-node" / "one-node"
KIND_CLUSTER = "bandr-tests"
KIND_REGISTRY = "bandr-tests-registry"
KIND_REGISTRY_PORT = 5001
POSTGRES = "docker.io/library/postgres:17"


def run(*command: str, **options) -> str:
    """Run a program to its end; a failure ends this one with its output."""
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode:
        sys.exit(f"cluster: {' '.join(command)} exited {done.returncode}:\n{done.stdout}")
    return done.stdout


def works(*command: str) -> bool:
    """Whether a program is here and succeeds."""
    return shutil.which(command[0]) is not None and subprocess.run(command, check=False, capture_output=True).returncode == 0


def given() -> dict:
    """The cluster of KUBECONFIG."""
    return {
        "made_by": "",
        "kubeconfig": os.environ["KUBECONFIG"],
        "registry": os.environ.get("REGISTRY", ""),
        "builder_environment": {
            name: os.environ[name]
            for name in ("CONTAINERS_CONF", "CONTAINERS_REGISTRIES_CONF", "BUILDAH_ISOLATION", "REGISTRY_AUTH_FILE")
            if name in os.environ
        },
    }


def serves_builds(kubeconfig: str) -> bool:
    """Whether the cluster's own discovery names OpenShift's build API."""
    from kubernetes import client, config

    config.load_kube_config(kubeconfig)
    return any(group.name == "build.openshift.io" for group in client.ApisApi().get_api_versions().groups)


def one_node(file: Path) -> dict:
    """A one-node, with the images that tests run; one that somebody else has brought up is used, and is not ours to take down."""
    settings = {}
    for line in run(str(ONE_NODE), "env").splitlines():
        settings.update(word.split("=", 1) for word in line.split()[1:])
    made_by = "one-node" if not Path(settings["KUBECONFIG"]).exists() or written(file) == ["one-node"] else ""
    # Written before it is made, so that one whose making was interrupted is taken down as well.
    file.write_text(json.dumps({"made_by": made_by}), encoding="utf-8")
    subprocess.run([str(ONE_NODE), "up", "--openshift"], check=True)
    subprocess.run([str(ONE_NODE.with_name("one-node-images"))], check=True, env={**os.environ, **settings})
    kubeconfig, registry = settings.pop("KUBECONFIG"), settings.pop("REGISTRY")
    return {"made_by": made_by, "kubeconfig": kubeconfig, "registry": registry, "builder_environment": settings}


def kind(runtime: str, kubeconfig: Path) -> dict:
    """A kind cluster and a registry beside it, which nodes and this machine both call localhost."""
    environment = {**os.environ, "KIND_EXPERIMENTAL_PROVIDER": runtime}
    registry = f"localhost:{KIND_REGISTRY_PORT}"
    if not works(runtime, "inspect", KIND_REGISTRY):
        run(
            runtime,
            "run",
            "-d",
            "--restart=always",
            "-p",
            f"127.0.0.1:{KIND_REGISTRY_PORT}:5000",
            "--name",
            KIND_REGISTRY,
            "docker.io/library/registry:2",
        )
    if KIND_CLUSTER not in run("kind", "get", "clusters", env=environment).split():
        patch = '[plugins."io.containerd.grpc.v1.cri".registry]\n  config_path = "/etc/containerd/certs.d"\n'
        config = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "containerdConfigPatches": [patch]}
        run(
            "kind",
            "create",
            "cluster",
            "--name",
            KIND_CLUSTER,
            "--config",
            "-",
            "--kubeconfig",
            str(kubeconfig),
            "--wait",
            "120s",
            env=environment,
            input=json.dumps(config),
        )
    hosts = f'[host."http://{KIND_REGISTRY}:5000"]\n'
    for node in run("kind", "get", "nodes", "--name", KIND_CLUSTER, env=environment).split():
        folder = f"/etc/containerd/certs.d/{registry}"
        run(runtime, "exec", node, "mkdir", "-p", folder)
        run(runtime, "exec", "-i", node, "cp", "/dev/stdin", f"{folder}/hosts.toml", input=hosts)
    if KIND_REGISTRY not in run(runtime, "network", "inspect", "kind"):
        run(runtime, "network", "connect", "kind", KIND_REGISTRY)
    return {"made_by": f"kind {runtime}", "kubeconfig": str(kubeconfig), "registry": registry, "builder_environment": {}}


def written(file: Path) -> list[str]:
    """Who made the cluster that FILE tells of, in words; none where nothing is written or it was given."""
    return json.loads(file.read_text(encoding="utf-8"))["made_by"].split() if file.exists() else []


def make(file: Path) -> dict:
    """A cluster of the first sort that this machine can run."""
    if shutil.which("kind"):
        for runtime in ("docker", "podman"):
            if works(runtime, "info"):
                return kind(runtime, file.parent / "kubeconfig")
    if os.geteuid() == 0 and Path("/etc/debian_version").exists():
        return one_node(file)
    sys.exit(
        "cluster: no cluster to test on. Set KUBECONFIG and REGISTRY (a registry that this machine may push to and the nodes pull from), "
        "or install kind beside Docker or Podman, or be root on Debian, where a whole Kubernetes is started from its own modules."
    )


def up(file: Path) -> None:
    """Find or make a cluster and write it down; one that is written down already is used again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if "KUBECONFIG" in os.environ:
        cluster = given()
    else:
        cluster = make(file)
    cluster["serves_builds"] = serves_builds(cluster["kubeconfig"])
    if not (cluster["registry"] or cluster["serves_builds"]):
        sys.exit("cluster: KUBECONFIG names a cluster; set REGISTRY, too: where this machine may push images and the nodes can pull them.")
    cluster["postgres_image"] = os.environ.get("POSTGRES_IMAGE", POSTGRES)
    cluster["registry_is_plain"] = cluster["registry"].split(":")[0] in ("127.0.0.1", "localhost")
    file.write_text(json.dumps(cluster, indent=1) + "\n", encoding="utf-8")


def down(file: Path) -> None:
    """Take away what `up` made."""
    if not file.exists():
        return
    made_by = written(file)
    if made_by[:1] == ["one-node"]:
        subprocess.run([str(ONE_NODE), "down"], check=True)
    elif made_by[:1] == ["kind"]:
        run("kind", "delete", "cluster", "--name", KIND_CLUSTER, env={**os.environ, "KIND_EXPERIMENTAL_PROVIDER": made_by[1]})
        run(made_by[1], "rm", "-f", KIND_REGISTRY)
    file.unlink()


def main() -> None:
    """Read the arguments and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("up", "down"))
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    {"up": up, "down": down}[options.command](options.file.resolve())


if __name__ == "__main__":
    main()
