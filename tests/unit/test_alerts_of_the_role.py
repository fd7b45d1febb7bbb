# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts that a cluster cannot have are refused before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.bandr.postgres.plugins.module_utils._apply import UnknownKind
from ansible_collections.bandr.postgres.plugins.modules import k8s_objects_info
from ansible_collections.bandr.postgres.plugins.plugin_utils.rendering import Renderer

ROLE = Path(__file__).resolve().parents[2] / "roles" / "pg_backup"


class WithoutOperator:
    """A cluster that nobody taught what a PrometheusRule is."""

    def list(self, kind: str, *_place: str) -> list[dict[str, Any]]:
        raise UnknownKind("The cluster has no %s." % kind)


def test_a_cluster_without_the_kind_is_told_from_one_without_rules() -> None:
    question = {"kind": "PrometheusRule", "api_version": "monitoring.coreos.com/v1", "namespace": "databases", "name": None, "selector": []}
    assert k8s_objects_info.answer(WithoutOperator(), question)["known"] is False


@pytest.mark.parametrize(("wanted", "possible", "count"), [(True, False, 1), (True, True, 0), (False, False, 0)])
def test_alerts_that_the_cluster_cannot_have_are_refused_before_anything_is_made(wanted: bool, possible: bool, count: int) -> None:
    values = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    values.update(
        pg_backup_name="orders",
        pg_backup_namespace="databases",
        pg_backup_ssl_ca_given={},
        pg_backup_claims=[],
        pg_backup_claim_name="orders-backup",
        pg_backup_complete_tiers=[{}],
        pg_backup_namespace_found=True,
        pg_backup_own_secret=True,
        pg_backup_password="x",
        pg_backup_image="registry.example.com/image",
        pg_backup_image_builder="none",
        pg_backup_alerts_wanted=wanted,
        pg_backup_alerts_possible=possible,
    )
    problems = yaml.safe_load(Renderer(str(ROLE / "templates")).render(["problems.yaml.j2"], values)) or []
    assert len(problems) == count, problems
    assert all("set pg_backup_alerts to false" in problem for problem in problems)
