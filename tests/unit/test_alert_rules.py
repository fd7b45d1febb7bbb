# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alert rules: what Prometheus itself makes of them, given the series of clusters that are well and of clusters that are not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.filter.alert_rules import FilterModule
from ansible_collections.bandr.postgres.plugins.plugin_utils.status import stale_after

SCHEDULES = {"hourly": "7 * * * *", "daily": "55 0 * * *", "drill": "17 3 * * 0"}
PLACE = {"server": "orders", "namespace": "databases", "object_name": "orders-backup"}
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="promtool is not here: apt-get install prometheus")
HOUR, DAY = 3600, 86400
# Prometheus' tests begin with the year 1970. So long after that the cluster is looked at; what was earlier is negative.
NOW = 2 * HOUR


def rules(schedules: dict[str, str] | None = None, **options: Any) -> list[dict[str, Any]]:
    return FilterModule().filters()["alert_rules"](schedules or SCHEDULES, **{**PLACE, **options})


def test_each_tier_has_two_rules_and_all_of_them_one() -> None:
    assert [(rule["alert"], rule["labels"].get("tier")) for rule in rules()] == [
        ("PostgresBackupFailed", "hourly"),
        ("PostgresBackupStale", "hourly"),
        ("PostgresBackupFailed", "daily"),
        ("PostgresBackupStale", "daily"),
        ("PostgresDrillFailed", None),
        ("PostgresDrillStale", None),
        ("PostgresBackupUnknown", None),
    ]


def test_what_an_operator_chooses_is_in_the_rules() -> None:
    chosen = rules(
        severity={"failed": "info", "stale": "page"},
        labels={"team": "shop", "number": 7},
        annotations={"runbook_url": "https://example.com/\U0001f418"},
        stale_seconds={"daily": "90000"},
    )
    assert {rule["labels"]["severity"] for rule in chosen if rule["alert"].endswith("Failed")} == {"info"}
    assert {rule["labels"]["severity"] for rule in chosen if not rule["alert"].endswith("Failed")} == {"page"}
    assert all((rule["labels"]["team"], rule["labels"]["number"]) == ("shop", "7") for rule in chosen)
    assert all(rule["annotations"]["runbook_url"].startswith("https://") for rule in chosen)
    assert "> 90000)" in chosen[3]["expr"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stale_seconds": {"weekly": 5}}, "pg_backup_alerts_stale_seconds has weekly"),
        ({"stale_seconds": {"hourly": "soon"}}, "pg_backup_alerts_stale_seconds.hourly is 'soon'"),
        ({"labels": {"a-b": 1}}, "pg_backup_alerts_labels has 'a-b'"),
        ({"labels": {"severity": "x"}}, "pg_backup_alerts_labels has severity"),
        ({"annotations": {"1": 1}}, "pg_backup_alerts_annotations has '1'"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_variable(options: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleFilterError, match=said):
        rules(**options)


def test_nothing_to_watch_is_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="nothing to watch"):
        FilterModule().filters()["alert_rules"]({}, **PLACE)


def test_texts_are_plain_because_templates_of_prometheus_look_like_those_of_ansible() -> None:
    assert "{{" not in yaml.safe_dump(rules())


class Cluster:
    """The series of kube-state-metrics for CronJobs that are well, to be changed by a test; times are seconds of 1970."""

    def __init__(self, exporters: int = 1) -> None:
        self._exporters = exporters
        self._values: dict[str, int] = {}
        for word, last in (("hourly", NOW - 20 * 60), ("daily", NOW - 5 * HOUR), ("drill", NOW - 2 * DAY)):
            self.cronjob("kube_cronjob_created", NOW - 90 * DAY, word)
            self.cronjob("kube_cronjob_spec_suspend", 0, word)
            self.cronjob("kube_cronjob_status_active", 0, word)
            self.cronjob("kube_cronjob_status_last_schedule_time", last, word)
            self.cronjob("kube_cronjob_status_last_successful_time", last + 9, word)
            self.job("%s-good" % word, word, last, failed=False)

    def cronjob(self, metric: str, value: int | None, word: str = "hourly", server: str = "orders") -> Cluster:
        """Set, or for None take away, a series of a CronJob."""
        return self._set('%s{namespace="databases",cronjob="%s-backup-%s"' % (metric, server, word), value)

    def job(self, name: str, word: str, began: int, failed: bool, server: str = "orders", owner: str = "CronJob") -> Cluster:
        """A Job and how it ended."""
        of_it = '{namespace="databases",job_name="%s"' % name
        self._set('kube_job_owner%s,owner_kind="%s",owner_name="%s-backup-%s"' % (of_it, owner, server, word), 1)
        self._set("kube_job_status_start_time" + of_it, began)
        for condition in ("true", "false", "unknown") if failed else ():
            self._set('kube_job_failed%s,condition="%s"' % (of_it, condition), int(condition == "true"))
        return self

    def run(self, word: str, began: int, failed: bool = False) -> Cluster:
        """A run that has ended."""
        self.cronjob("kube_cronjob_status_last_schedule_time", began, word)
        if not failed:
            self.cronjob("kube_cronjob_status_last_successful_time", began + 9, word)
        return self.job("%s-%d" % (word, began), word, began, failed)

    def without(self, metric: str, word: str = "hourly") -> Cluster:
        """The same cluster, but for one series."""
        return self.cronjob(metric, None, word)

    def _set(self, series: str, value: int | None) -> Cluster:
        if value is None:
            del self._values[series]
        else:
            self._values[series] = value
        return self

    def series(self) -> list[dict[str, str]]:
        """As promtool reads them; each kube-state-metrics tells the same."""
        return [
            {"series": '%s,instance="%d",job="kube-state-metrics"}' % (name, number), "values": "%dx%d" % (value, NOW // 60 + 10)}
            for name, value in self._values.items()
            for number in range(self._exporters)
        ]


def never() -> Cluster:
    """An hourly CronJob that never ran."""
    return Cluster().without("kube_cronjob_status_last_schedule_time").without("kube_cronjob_status_last_successful_time")


def suspended() -> Cluster:
    """All that can be wrong, and suspended."""
    return Cluster().run("hourly", NOW - DAY).run("hourly", NOW - 9 * HOUR, failed=True).cronjob("kube_cronjob_spec_suspend", 1)


FAILED, STALE, UNKNOWN = "PostgresBackupFailed", "PostgresBackupStale", "PostgresBackupUnknown"
CASES: dict[str, tuple[Cluster, set[tuple[str, str]]]] = {
    "all is well": (Cluster(), set()),
    "all is well, told twice": (Cluster(exporters=2), set()),
    "a run failed": (Cluster().run("hourly", NOW - 600, failed=True), {(FAILED, "hourly")}),
    "a run failed, told twice": (Cluster(exporters=2).run("hourly", NOW - 600, failed=True), {(FAILED, "hourly")}),
    "another tier failed": (Cluster().run("daily", NOW - 600, failed=True), {(FAILED, "daily")}),
    "a run failed and its Job is gone": (Cluster().cronjob("kube_cronjob_status_last_schedule_time", NOW - 600), {(FAILED, "hourly")}),
    "a run failed and the next one runs": (
        Cluster()
        .run("hourly", NOW - HOUR, failed=True)
        .cronjob("kube_cronjob_status_last_successful_time", NOW - 2 * HOUR)
        .cronjob("kube_cronjob_status_last_schedule_time", NOW - 60)
        .cronjob("kube_cronjob_status_active", 1),
        {(FAILED, "hourly")},
    ),
    "a run failed and the next one was good": (Cluster().run("hourly", NOW - 2 * HOUR, failed=True).run("hourly", NOW - HOUR), set()),
    "a run is under way": (
        Cluster().cronjob("kube_cronjob_status_last_schedule_time", NOW - 60).cronjob("kube_cronjob_status_active", 1),
        set(),
    ),
    "the first run failed": (
        never().run("hourly", NOW - 600, failed=True).cronjob("kube_cronjob_created", NOW - HOUR),
        {(FAILED, "hourly")},
    ),
    "a Job of another server failed": (Cluster().job("other", "hourly", NOW - 60, failed=True, server="billing"), set()),
    "a Job that no CronJob made failed": (Cluster().job("other", "hourly", NOW - 60, failed=True, owner="Workflow"), set()),
    "nothing ran": (Cluster().run("hourly", NOW - 3 * HOUR), {(STALE, "hourly")}),
    "one run was missed": (Cluster().run("hourly", NOW - 2 * HOUR), set()),
    "all failed for a day": (
        Cluster().run("hourly", NOW - DAY).run("hourly", NOW - 600, failed=True),
        {(FAILED, "hourly"), (STALE, "hourly")},
    ),
    "nothing ever ran": (never(), {(STALE, "hourly")}),
    "it was made just now": (never().cronjob("kube_cronjob_created", NOW - HOUR), set()),
    "suspended": (suspended(), set()),
    "resumed": (suspended().cronjob("kube_cronjob_spec_suspend", 0), {(FAILED, "hourly"), (STALE, "hourly")}),
    "no word of it": (
        never().without("kube_cronjob_created").without("kube_cronjob_spec_suspend").without("kube_cronjob_status_active"),
        {(UNKNOWN, "")},
    ),
    "the drill failed": (Cluster().run("drill", NOW - DAY, failed=True), {("PostgresDrillFailed", "")}),
    "the drill does not run": (Cluster().run("drill", NOW - 15 * DAY), {("PostgresDrillStale", "")}),
}


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(PROMTOOL), *map(str, arguments)], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def written(folder: Path, **options: Any) -> Path:
    """The rules in a file, as Prometheus' operator hands them to it."""
    path = folder / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "databases-orders-backup", "rules": rules(**options)}]}, allow_unicode=True))
    return path


def evaluate(folder: Path, cluster: Cluster, expected: set[tuple[str, str]]) -> subprocess.CompletedProcess[str]:
    """Let Prometheus evaluate the rules to the end and compare the alerts that fire."""
    written(folder)
    samples = [
        {"labels": '{alertname="%s"%s}' % (name, ', tier="%s"' % tier if tier else ""), "value": 1} for name, tier in sorted(expected)
    ]
    asked = {
        "expr": 'count by (alertname, tier) (ALERTS{alertstate="firing", server="orders"})',
        "eval_time": "%ds" % NOW,
        "exp_samples": samples,
    }
    test = {"interval": "1m", "input_series": cluster.series(), "promql_expr_test": [asked]}
    path = folder / "test.yml"
    path.write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "1h", "tests": [test]}))
    return promtool("test", "rules", path)


@needs_promtool
def test_prometheus_takes_the_rules(tmp_path: Path) -> None:
    checked = promtool("check", "rules", written(tmp_path, annotations={"runbook_url": "https://example.com/\U0001f418"}))
    assert checked.returncode == 0, checked.stdout
    assert "7 rules found" in checked.stdout


@needs_promtool
@pytest.mark.parametrize("case", CASES)
def test_exactly_the_right_alerts_fire(tmp_path: Path, case: str) -> None:
    cluster, expected = CASES[case]
    evaluated = evaluate(tmp_path, cluster, expected)
    assert evaluated.returncode == 0, evaluated.stdout


@needs_promtool
def test_a_wrong_expectation_is_noticed(tmp_path: Path) -> None:
    assert evaluate(tmp_path, Cluster(), {(FAILED, "hourly")}).returncode != 0


def test_the_status_and_the_alerts_call_the_same_stale() -> None:
    assert "> %d)" % stale_after("7 * * * *") in rules()[1]["expr"]
