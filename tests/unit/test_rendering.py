# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is worked out for many servers at once is what Ansible makes of it for one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.filter import AnsibleJinja2Filter
from ansible.plugins.loader import filter_loader
from ansible.template import Templar, trust_as_template
from jinja2 import TemplateError

from ansible_collections.bandr.postgres.plugins.filter.alert_rules import rules
from ansible_collections.bandr.postgres.plugins.filter.backup_drill import backup_drill
from ansible_collections.bandr.postgres.plugins.filter.backup_tiers import backup_tiers
from ansible_collections.bandr.postgres.plugins.filter.given_list import given_list
from ansible_collections.bandr.postgres.plugins.filter.given_map import given_map
from ansible_collections.bandr.postgres.plugins.plugin_utils.fleet import Fleet, Member, invalid
from ansible_collections.bandr.postgres.plugins.plugin_utils.rendering import Renderer, has_template, is_plain

ROLE = Path(__file__).resolve().parents[2] / "roles" / "pg_backup"
GIVEN = {
    "inventory_hostname": "Orders_1",
    "pg_backup_namespace": "databases",
    "pg_backup_host": "orders-db.shop.svc",
    "pg_backup_image": "registry.example.com/backup@sha256:0",
    "pg_backup_seen": {"namespace_found": True, "openshift": False, "builds_served": False},
    "ansible_search_path": [str(ROLE)],
}
# As pg_backup_objects has it, by the lookup's short name, because pytest does without Ansible's finder of collections.
ANSIBLES = trust_as_template(
    "{{ query('template', *pg_backup_templates) | map('from_yaml_all') | map('list') | flatten(levels=1) | select | list }}"
)
SERVERS = {
    "with a password": {"pg_backup_password": 'pass\'word "1" \\ : {{'},
    "with a Secret": {
        "pg_backup_secret": '{"name": "theirs", "user_key": "user"}',
        "pg_backup_tiers": '{"hourly": {"count": "3", "schedule": "7 */4 * * *"}, "weekly": {}}',
        "pg_backup_ssl_ca": {"config_map": "theirs"},
        "pg_backup_port": "6432",
        "pg_backup_drill": {"schedule": "17 3 * * 0", "scratch_claim": "yes", "scratch_storage_class": "fast"},
        "pg_backup_fs_group": "0",
        "pg_backup_supplemental_groups": ["4711"],
        "pg_backup_environment": {"PGCONNECT_TIMEOUT": 7, "PGAPPNAME": 'a: "b"'},
        "pg_backup_extra_labels": {"example.com/team": "shop"},
        "pg_backup_tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "pg_backup_image_pull_secrets": ["one"],
        "pg_backup_suspend": "true",
        "pg_backup_volume_claim": "theirs",
        "pg_backup_service_account": "theirs",
    },
    "on OpenShift at an address": {
        "pg_backup_host": "2001:db8::7",
        "pg_backup_seen": {"namespace_found": True, "openshift": True, "builds_served": True},
        "pg_backup_password": "x",
        "pg_backup_network_policy_egress": [{"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}]}],
    },
    "without a policy": {"pg_backup_network_policy": "no", "pg_backup_password": "x", "pg_backup_platform": "openshift"},
}

# Another value of each variable than the usual one; with what else it needs to matter, where that is something.
OTHERWISE: dict[str, Any] = {
    "pg_backup_namespace": "elsewhere",
    "pg_backup_host": "db.example.com",
    "pg_backup_port": 6432,
    "pg_backup_user": "backup",
    "pg_backup_password": "another",
    "pg_backup_secret": {"name": "theirs"},
    "pg_backup_sslmode": "require",
    "pg_backup_ssl_ca": {"secret": "theirs"},
    "pg_backup_name": "shop",
    "pg_backup_fleet": "shops",
    "pg_backup_extra_labels": {"example.com/team": "shop"},
    "pg_backup_extra_annotations": {"example.com/contact": "shop"},
    "pg_backup_tiers": {"hourly": {"count": 3}},
    "pg_backup_time_zone": "Europe/London",
    "pg_backup_suspend": True,
    "pg_backup_starting_deadline_seconds": 60,
    "pg_backup_retries": 2,
    "pg_backup_jobs": 2,
    "pg_backup_successful_jobs_kept": 1,
    "pg_backup_failed_jobs_kept": 1,
    "pg_backup_job_ttl_seconds": 60,
    "pg_backup_drill": {"schedule": "17 3 * * 0"},
    "pg_backup_volume_claim": "theirs",
    "pg_backup_volume_size": "1Gi",
    "pg_backup_storage_class": "fast",
    "pg_backup_access_mode": "ReadWriteMany",
    "pg_backup_image": "registry.example.com/other@sha256:1",
    "pg_backup_image_build": "podman",
    "pg_backup_image_repository": "registry.example.com/other",
    "pg_backup_postgres_major": 18,
    "pg_backup_image_base": "registry.example.com/base",
    "pg_backup_image_packages": ["tzdata"],
    "pg_backup_image_revision": "2",
    "pg_backup_image_arguments": {"MIRROR": "mirror.example.com"},
    "pg_backup_image_tls_verify": False,
    "pg_backup_image_authfile": "/home/me/auth.json",
    "pg_backup_image_build_arguments": ["--squash"],
    "pg_backup_image_build_namespace": "builds",
    "pg_backup_image_build_resources": {"limits": {"memory": "1Gi"}},
    "pg_backup_image_build_timeout": 60,
    "pg_backup_image_build_log": True,
    "pg_backup_image_stream": "other",
    "pg_backup_image_base_pull_secret": "theirs",
    "pg_backup_image_pull_binding": True,
    "pg_backup_image_buildconfig": True,
    "pg_backup_image_pull_policy": "Always",
    "pg_backup_image_pull_secrets": ["theirs"],
    "pg_backup_service_account": "theirs",
    "pg_backup_run_as_user": 5432,
    "pg_backup_fs_group": 5432,
    "pg_backup_supplemental_groups": [5432],
    "pg_backup_resources": {"limits": {"memory": "1Gi"}},
    "pg_backup_node_selector": {"kubernetes.io/os": "linux"},
    "pg_backup_tolerations": [{"operator": "Exists"}],
    "pg_backup_affinity": {"podAffinity": {}},
    "pg_backup_priority_class": "high",
    "pg_backup_environment": {"PGCONNECT_TIMEOUT": "7"},
    "pg_backup_termination_grace_seconds": 90,
    "pg_backup_network_policy": False,
    "pg_backup_network_policy_to": [{"podSelector": {}}],
    "pg_backup_network_policy_egress": [{"to": [{"podSelector": {}}]}],
    "pg_backup_alerts": True,
    "pg_backup_alerts_severity": {"failed": "info"},
    "pg_backup_alerts_labels": {"team": "shop"},
    "pg_backup_alerts_annotations": {"runbook_url": "https://example.com"},
    "pg_backup_alerts_object_labels": {"release": "monitoring"},
    "pg_backup_alerts_stale_seconds": {"hourly": 60},
    "pg_backup_prune": False,
    "pg_backup_platform": "openshift",
}
USUAL = {"pg_backup_password": "x"}
# Ansible's modules and other tasks are told these, and the tests on clusters see it.
READ_ELSEWHERE = {"pg_backup_kubeconfig", "pg_backup_context", "pg_backup_image_build_environment"}


def read(part: str) -> dict[str, Any]:
    return DataLoader().load_from_file(str(ROLE / part / "main.yml"), trusted_as_template=True)


@pytest.fixture(scope="module", autouse=True)
def filters() -> Iterator[None]:
    """Let Ansible find the collection's filters, which pytest has imported without Ansible's own finder."""
    made = {
        "alert_rules": rules,
        "backup_drill": backup_drill,
        "backup_tiers": backup_tiers,
        "given_list": given_list,
        "given_map": given_map,
    }
    ours = {"bandr.postgres." + name: AnsibleJinja2Filter(function) for name, function in made.items()}
    for name, plugin in ours.items():
        plugin._load_name = plugin.ansible_name = name
    find = filter_loader.get
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filter_loader, "get", lambda asked, *more, **options: ours.get(asked) or find(asked, *more, **options))
        yield


@pytest.fixture(scope="module")
def role() -> SimpleNamespace:
    defaults, own = read("defaults"), read("vars")
    return SimpleNamespace(_role_path=str(ROLE), get_default_vars=lambda dep_chain: defaults, get_vars=lambda *chain, **options: own)


@pytest.fixture
def fleet(role) -> Fleet:
    task = SimpleNamespace(_role=role, get_dep_chain=lambda: None)
    return Fleet(SimpleNamespace(_task=task, _templar=Templar(loader=DataLoader(), variables={})), {})


def variables(role: SimpleNamespace, **given: Any) -> dict[str, Any]:
    """All variables of a server, as a task of the role sees them."""
    return {**role.get_default_vars(None), **GIVEN, **role.get_vars(), **given, "pg_backup_image_used": GIVEN["pg_backup_image"]}


@pytest.mark.parametrize("server", SERVERS)
def test_objects_are_those_that_ansible_renders(role, fleet, server) -> None:
    templar = Templar(loader=DataLoader(), variables=variables(role, **SERVERS[server]))
    member = fleet._resolved("orders", variables(role, **SERVERS[server]))
    mine = list(fleet.render(member, member["pg_backup_templates"]))
    assert len(mine) > 2
    assert json.loads(json.dumps(mine)) == json.loads(json.dumps(templar.template(ANSIBLES)))


@pytest.mark.parametrize("server", SERVERS)
def test_variables_are_what_ansible_makes_of_them(role, fleet, server) -> None:
    templar = Templar(loader=DataLoader(), variables=variables(role, **SERVERS[server]))
    member = fleet._resolved("orders", variables(role, **SERVERS[server]))
    # All objects are the one variable that needs a lookup of Ansible's.
    for name in sorted(set(role.get_vars()) - {"pg_backup_objects"} - set(member.failures)):
        assert member[name] == templar.template(trust_as_template("{{ %s }}" % name)), name
    assert set(member.failures) == {"pg_backup_objects"}


# The same said as text, with numbers and truths for text, and properly; and words that YAML takes for something else.
LOOSELY: dict[str, tuple[Any, Any]] = {
    "pg_backup_name": (12, "12"),
    "pg_backup_fleet": (1, "1"),
    "pg_backup_extra_labels": ({"cost": 1234, "production": True, "empty": None}, {"cost": "1234", "production": "true", "empty": ""}),
    "pg_backup_extra_annotations": ('{"cost": 1234}', {"cost": "1234"}),
    "pg_backup_node_selector": ("gpu=true", {"gpu": "true"}),
    "pg_backup_environment": ({"PGCONNECT_TIMEOUT": 7, "FLAG": True}, {"PGCONNECT_TIMEOUT": "7", "FLAG": "true"}),
    "pg_backup_image_pull_secrets": ("one, two", ["one", "two"]),
    "pg_backup_supplemental_groups": ("4711", [4711]),
    "pg_backup_ssl_ca": ('{"secret": "theirs"}', {"secret": "theirs"}),
    "pg_backup_resources": ('{"limits": {"memory": "1Gi"}}', {"limits": {"memory": "1Gi"}}),
    "pg_backup_affinity": ('{"podAffinity": {}}', {"podAffinity": {}}),
    "pg_backup_alerts_object_labels": ({"release": 7}, {"release": "7"}),
    "pg_backup_alerts_labels": ('{"team": 7}', {"team": "7"}),
}


@pytest.mark.parametrize("variable", LOOSELY)
def test_what_is_said_loosely_means_the_same(role, fleet, variable) -> None:
    def made(value: Any) -> list[Any]:
        member = fleet._resolved("orders", variables(role, pg_backup_alerts=True, **{variable: value}))
        return list(fleet.render(member, member["pg_backup_templates"]))

    loosely, properly = LOOSELY[variable]
    assert made(loosely) == made(properly)


@pytest.mark.parametrize("word", ["no", "null", "12", "2001-02-03", "1e5", "0x1f"])
def test_words_that_yaml_takes_for_something_else_stay_words(role, fleet, word) -> None:
    named = ("name", "namespace", "volume_claim", "service_account", "storage_class", "priority_class")

    def made(called: str) -> str:
        given = {**SERVERS["with a Secret"], **{"pg_backup_" + name: called for name in named}, "pg_backup_alerts": True}
        given["pg_backup_secret"] = {"name": called, "password_key": called, "user_key": called}
        given["pg_backup_ssl_ca"] = {"secret": called, "key": called}
        member = fleet._resolved("orders", variables(role, **given))
        return json.dumps(list(fleet.render(member, member["pg_backup_templates"], pg_backup_image_used=called)))

    plain = made("zz9")
    assert plain.count('"zz9"') > 20
    assert made(word) == plain.replace("zz9", word)


@pytest.mark.parametrize(
    ("host", "opens"),
    [
        ("orders-db", "databases"),
        ("orders-db.shop.svc", "shop"),
        ("orders-db.shop.svc.cluster.local.", "shop"),
        # Names that only look a little like those of a Service.
        ("orders.svc01.example.com", None),
        ("db.svcompany.com", None),
    ],
)
def test_the_policy_opens_the_namespace_of_a_service_and_of_nothing_else(role, fleet, host, opens) -> None:
    member = fleet._resolved("orders", variables(role, pg_backup_host=host))
    policy = next(one for one in fleet.render(member, ["networkpolicy.yaml.j2"]) if one["kind"] == "NetworkPolicy")
    (way,) = (rule for rule in policy["spec"]["egress"] if rule["ports"][0]["port"] == 5432)
    found = [one["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for one in way.get("to", [])]
    assert found == ([opens] if opens else [])


def test_what_the_role_made_and_the_inventory_names_now_stays(role, fleet) -> None:
    def pruned(**given: Any) -> set[str]:
        return {one["kind"] for one in fleet._resolved("orders", variables(role, **given))["pg_backup_pruned_kinds"]}

    every = pruned(pg_backup_password="x")
    assert {"Secret", "ServiceAccount", "CronJob"} <= every
    assert pruned(pg_backup_secret={"name": "theirs"}, pg_backup_service_account="theirs") == every
    assert pruned(pg_backup_secret={"name": "orders-1-backup"}) == every - {"Secret"}
    assert pruned(pg_backup_password="x", pg_backup_service_account="orders-1-backup") == every - {"ServiceAccount"}
    assert pruned(pg_backup_password="x", pg_backup_prune=False) == set()


def test_a_drill_with_a_schedule_is_watched_like_a_tier(role, fleet) -> None:
    def alerts(**given: Any) -> list[str]:
        return [rule["alert"] for rule in fleet._resolved("orders", variables(role, **given))["pg_backup_alert_rules"]]

    every = alerts(pg_backup_tiers={"hourly": {}})
    assert every == ["PostgresBackupFailed", "PostgresBackupStale", "PostgresBackupUnknown"]
    assert alerts(pg_backup_tiers={"hourly": {}}, pg_backup_drill={"scratch_size": "1Gi"}) == every
    drilled = alerts(pg_backup_tiers={"hourly": {}}, pg_backup_drill={"schedule": "17 3 * * 0"})
    assert drilled == [*every[:2], "PostgresDrillFailed", "PostgresDrillStale", *every[2:]]


def test_the_longest_name_of_a_server_leaves_room_for_every_name_of_a_job(role) -> None:
    # A pod carries the name of its Job in a label.
    tasks = {path.name: path.read_text(encoding="utf-8") for folder in ("tasks", "templates") for path in (ROLE / folder).iterdir()}
    expression = re.compile(r"now\(utc=true, fmt='([^']+)'\)")
    written = {name: found.group(1) for name, text in tasks.items() for found in [expression.search(text)] if found}
    assert len(written) == 4
    parts = {
        "backup_now.yml": "backup-monthly",
        "job.yml": max(("list", "verify", "dry-run", "restore"), key=len),
        "own_volume.yml": "own",
        "drill_job.yaml.j2": "drill",
    }
    for name, form in written.items():
        assert len("-".join(("a" * 37, parts[name], datetime.now(timezone.utc).strftime(form)))) <= 63, name


def specified() -> dict[str, Any]:
    """What the role's description says of its variables."""
    return DataLoader().load_from_file(str(ROLE / "meta" / "argument_specs.yml"))["argument_specs"]["main"]["options"]


def test_every_variable_has_another_value_here() -> None:
    assert set(OTHERWISE) | READ_ELSEWHERE == set(specified())


def test_every_variable_changes_what_is_made(role, fleet) -> None:
    """An object, an image, or what is taken away."""

    def made(**given: Any) -> list[Any]:
        member = fleet._resolved("orders", variables(role, **given))
        objects = list(fleet.render(member, member["pg_backup_templates"], pg_backup_image_used=member["pg_backup_image"]))
        images = [member["pg_backup_image_inputs"], member["pg_backup_image_builder"]]
        return [objects, images, member["pg_backup_pruned_kinds"], member["pg_backup_secret_data"]]

    idle = []
    needs = {"pg_backup_image_build": {"pg_backup_image": ""}}
    needs.update({variable: {"pg_backup_alerts": True} for variable in OTHERWISE if variable.startswith("pg_backup_alerts_")})
    usual = {json.dumps(more): made(**USUAL, **more) for more in [{}, *needs.values()]}
    for variable, value in OTHERWISE.items():
        more = needs.get(variable, {})
        if made(**{**USUAL, **more, variable: value}) == usual[json.dumps(more)]:
            idle.append(variable)
    assert idle == []


def test_what_an_inventory_says_is_worked_out_by_ansible(role, fleet) -> None:
    member = fleet._resolved(
        "orders", variables(role, pg_backup_host=trust_as_template("{{ lookup('env', 'HOST_OF_A_TEST', default='db') }}"))
    )
    assert member["pg_backup_host"] == "db"
    assert member["pg_backup_server"]["host"] == "db"


def test_text_that_looks_like_a_template_stays_text(role, fleet) -> None:
    member = fleet._resolved("orders", variables(role, pg_backup_password="{{ not_a_variable }}"))
    assert member["pg_backup_secret_data"] == {"orders-1-backup": {"password": "{{ not_a_variable }}"}}


def test_what_cannot_be_worked_out_says_why(role, fleet) -> None:
    member = fleet._resolved("orders", variables(role, pg_backup_tiers={"daily": {}}))
    with pytest.raises(Exception, match=r"^pg_backup_tiers has no hourly tier"):
        member["pg_backup_complete_tiers"]


def test_what_fails_without_a_word_is_told_by_its_kind(role, fleet, monkeypatch) -> None:
    def fail(raw: str) -> None:
        raise RecursionError

    monkeypatch.setattr(fleet, "_templar", SimpleNamespace(copy_with_new_env=lambda available_variables: SimpleNamespace(template=fail)))
    member = fleet._resolved("orders", variables(role, pg_backup_host=trust_as_template("{{ pg_backup_host }}")))
    with pytest.raises(AnsibleError, match=r"^pg_backup_host: RecursionError$"):
        member["pg_backup_host"]


def test_what_is_learnt_later_completes_what_waited_for_it(role, fleet) -> None:
    known = variables(role)
    del known["pg_backup_seen"]
    member = fleet._resolved("orders", known)
    with pytest.raises(Exception, match="pg_backup_seen"):
        member["pg_backup_openshift"]
    fleet.learn(member, pg_backup_seen={"openshift": True, "namespace_found": True, "builds_served": False})
    assert member["pg_backup_openshift"] is True


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, ""),
        ({"pg_backup_port": "many"}, "pg_backup_port"),
        ({"pg_backup_access_mode": "ReadOnly"}, "pg_backup_access_mode"),
        ({"pg_backup_tiers": '{"hourly": {}}'}, ""),
        ({"pg_backup_host": None}, "pg_backup_host"),
    ],
)
def test_variables_are_held_against_their_description(role, fleet, given, says) -> None:
    options = DataLoader().load_from_file(str(ROLE / "meta" / "argument_specs.yml"))["argument_specs"]["main"]["options"]
    values = {name: value for name, value in variables(role, **given).items() if value is not None}
    sentences = invalid(fleet._resolved("orders", values), options, ArgumentSpecValidator(options))
    assert bool(sentences) == bool(says)
    assert says in " ".join(sentences)


@pytest.fixture
def renderer(tmp_path) -> Renderer:
    return Renderer(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ 1 + 1 }}", 2),
        ("{{ one }}", [1]),
        ("{{ one }}-{{ one }}", "[1]-[1]"),
        ("{{ {'a': {'b': one}} }}", {"a": {"b": [1]}}),
        ("{{ one | map('string') }}", ["1"]),
        ("plain", "plain"),
        ({"a": ["{{ one[0] }}"]}, {"a": [1]}),
        ("{{ 'yes' | bool }}", True),
    ],
)
def test_values_keep_their_kind(renderer, text, value) -> None:
    assert renderer.evaluate(text, {"one": [1]}) == value


def test_what_is_not_defined_is_an_error(renderer) -> None:
    for text in ("{{ none_such }}", "{{ one.none_such }}", "x{{ none_such }}"):
        with pytest.raises(TemplateError):
            renderer.evaluate(text, {"one": {}})
    assert renderer.evaluate("{{ one.none.such | default(1) }}", {"one": {}}) == 1


def test_a_value_names_what_it_needs(renderer) -> None:
    assert renderer.needs({"a": "{{ x ~ y.z }}", "b": ["{% if w %}{% endif %}", "v"]}) == {"x", "y", "w"}


def test_what_is_plain_and_what_is_not() -> None:
    assert is_plain({"a": [1, "b", None, True]})
    assert not is_plain({"a": [object()]})
    assert not has_template({"a": ["b"]})
    assert has_template({"a": ["{{ b }}"]})


def test_a_server_without_a_variable_says_which() -> None:
    with pytest.raises(Exception, match="pg_backup_name is not set"):
        Member("orders", {})["pg_backup_name"]


def test_all_servers_of_a_play_have_their_places_also_those_that_only_the_play_names(role, fleet) -> None:
    given = {"orders": {}, "Billing_2": {}, "shop": {"pg_backup_name": "{{ prefix }}-shop", "prefix": "eu"}}
    hosts = SimpleNamespace(get_host=lambda name: name)
    template = {"pg_backup_name": trust_as_template("{{ prefix }}-shop")}

    def get_vars(play: str, host: str, task: Any) -> dict[str, Any]:
        own = {**given[host], **template} if given[host] else {}
        return variables(role, **{"inventory_hostname": host, **own})

    fleet._task.get_play = lambda: "play"
    fleet._task.get_variable_manager = lambda: SimpleNamespace(_inventory=hosts, get_vars=get_vars)
    fleet._task_vars = {"ansible_play_hosts_all": list(given)}
    assert fleet.places() == {("databases", "orders"), ("databases", "billing-2"), ("databases", "eu-shop")}
    del given["shop"]["prefix"]
    with pytest.raises(AnsibleError, match="prefix"):
        fleet.places()


@pytest.mark.parametrize(
    ("left", "batch", "unsettled"),
    [
        ("abcd", "abcd", ""),
        ("acd", "acd", "b"),
        # The batches of a play with serial: 2, in which the first server of either failed.
        ("abcd", "ab", "cd"),
        ("bcd", "b", "acd"),
        ("abcd", "cd", ""),
        ("abd", "d", "c"),
    ],
)
def test_servers_that_failed_or_whose_turn_is_not_yet_are_known(fleet, left, batch, unsettled) -> None:
    fleet._task_vars = {"ansible_play_hosts_all": list("abcd"), "ansible_play_hosts": list(left), "ansible_play_batch": list(batch)}
    assert fleet.unsettled() == set(unsettled)
