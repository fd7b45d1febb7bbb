# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status as a web page: valid, complete in itself, escaped, and saying by words what it says by colours."""

from __future__ import annotations

from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.bandr.postgres.plugins.filter.status_page import FilterModule
from ansible_collections.bandr.postgres.plugins.plugin_utils import status_page as module
from ansible_collections.bandr.postgres.plugins.plugin_utils.status import STATES, unknown_row
from ansible_collections.bandr.postgres.plugins.plugin_utils.status_page import status_page

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)
HOSTILE = """<script>alert("1")</script><img src=x onerror=y>'"&amp;{{ 7 * 7 }}</style></title>-->"""
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Reads a page and complains as a validator would: of nesting, ids, references, and anything from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.complaints: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.words: list[tuple[str, str]] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.feed(text)
        self.close()
        self.complaints += ["<%s> is never closed" % tag for tag in self.tags]
        self.complaints += ["id %s twice" % one for one in set(self.ids) if self.ids.count(one) > 1]
        self.complaints += ["nothing has the id %s" % one for one in self.references if one not in self.ids]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        given = {name: value or "" for name, value in attrs}
        if len(names) != len(set(names)):
            self.complaints.append("<%s> has an attribute twice" % tag)
        self.complaints += ["%s in <%s>" % (name, tag) for name in names if name.startswith("on") or name == "src"]
        if tag in ("script", "link", "iframe", "object", "base", "form"):
            self.complaints.append("<%s>" % tag)
        if "href" in given and not given["href"].startswith("#"):
            self.complaints.append("leads to %s" % given["href"])
        self.ids += [given["id"]] if "id" in given else []
        self.references += given.get("aria-labelledby", "").split() + ([given["href"][1:]] if "href" in given else [])
        self.elements.append((tag, given))
        if tag not in VOID:
            self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID or not self.tags or self.tags[-1] != tag:
            self.complaints.append("</%s> closes %s" % (tag, self.tags[-1:]))
        else:
            self.tags.pop()

    def handle_data(self, data: str) -> None:
        self.words.append((self.tags[-1] if self.tags else "", data))

    def unknown_decl(self, data: str) -> None:
        self.complaints.append("declares %s" % data)

    @property
    def text(self) -> str:
        """What a reader hears, in one line."""
        return " ".join(" ".join(data for tag, data in self.words if tag not in ("style", "title")).split())

    def of(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """The attributes of the elements of that sort."""
        return [given for name, given in self.elements if name == tag and wanted.items() <= given.items()]


def row(**values: Any) -> dict[str, Any]:
    return {
        **unknown_row("orders", ""),
        "tier": "hourly",
        "schedule": "7 * * * *",
        "last_run": "2026-11-22T10:07:00Z",
        "last_success": "2026-11-22T10:07:09Z",
        "next_run": "2026-11-22T11:07:00Z",
        "wanted": 24,
        "kept": 24,
        "size": 9 * 2**20,
        "newest": "2026-11-22T10:07:00Z",
        "age_seconds": 23 * 60,
        "volume_size": 100 * 2**30,
        "volume_free": 62 * 2**30,
        "state": "good",
        "good": True,
        **values,
    }


def rows_of_all_states() -> list[dict[str, Any]]:
    good = ("good", "new", "running")
    rows = [
        row(server="server " + state, state=state, good=state in good, why="" if state in good else "Because of %s." % state)
        for state in STATES
        if state != "unknown"
    ]
    return [*rows, unknown_row("server unknown", "No route to host.")]


def test_the_page_is_valid_and_needs_nothing_from_elsewhere() -> None:
    text = status_page(rows_of_all_states(), NOW)
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">')
    page = Page(text)
    assert page.complaints == []
    assert "url(" not in text and "@import" not in text and "://" not in text
    assert page.of("meta", charset="utf-8") and page.of("meta", name="viewport")
    assert "default-src 'none'" in page.of("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]


def test_a_reader_who_sees_no_colours_is_told_the_same() -> None:
    page = Page(status_page(rows_of_all_states(), NOW))
    for state in STATES:
        assert "1 %s" % state in page.text
        assert page.text.count(state) >= 3, state
    assert [given for given in page.of("span") if given.get("class", "").startswith("state")]
    bars = [given for _tag, given in page.elements if "bar" in given.get("class", "").split()]
    assert bars and all(given.get("aria-hidden") == "true" for given in bars)


def test_tables_have_captions_and_headings_of_rows_and_columns() -> None:
    page = Page(status_page([row(), row(tier="daily")], NOW))
    assert len(page.of("table")) == len(page.of("caption")) == 1
    assert len(page.of("th", scope="col")) == 7
    assert len(page.of("th", scope="row")) == 2
    # Cells that stand below one another on a phone carry their column's name.
    assert [given["data-label"] for given in page.of("td")][:6] == ["State", "Newest backup", "Kept", "Size", "Last run", "Next run"]
    assert {given.get("role") for given in page.of("td")} == {"cell"}


def test_what_is_known_of_a_tier_is_told() -> None:
    text = Page(status_page([row()], NOW)).text
    for told in (
        "As of 2026-11-22 10:30 UTC",
        "2026-11-22T10:07:00Z 23 min old",
        "24 of 24",
        "9.0 MiB",
        "2026-11-22 10:07 succeeded",
        "2026-11-22 11:07 in 37 min",
        "62.0 GiB free of 100.0 GiB",
    ):
        assert told in text
    assert "Needs a look" not in text


def test_the_last_drill_is_told_once_where_there_are_drills() -> None:
    drilled = {"drill": "passed", "drill_age_seconds": 7 * 3600 + 720, "drill_backup": "2026-11-22T02:07:00Z"}
    text = Page(status_page([row(**drilled), row(tier="daily", **drilled)], NOW)).text
    assert text.count("Last drill passed 7 h 12 min ago with 2026-11-22T02:07:00Z") == 1
    assert "Last drill never" in Page(status_page([row(drill="never")], NOW)).text
    assert "drill" not in Page(status_page([row(drill="none")], NOW)).text


def test_what_is_not_known_is_said() -> None:
    nothing = row(newest=None, age_seconds=None, last_run=None, last_success=None, next_run=None, volume_size=None, volume_free=None)
    text = Page(status_page([dict(nothing, state="new")], NOW)).text
    assert "its storage does not say how much is free" in text
    assert "never" in text
    assert Page(status_page([], NOW)).complaints == []
    assert "no server" in Page(status_page([], NOW)).text


def test_a_run_that_failed_and_one_that_runs_are_told() -> None:
    assert "did not succeed" in Page(status_page([row(last_success="2026-11-22T09:07:09Z", state="failed", good=False, why="x")], NOW)).text
    assert "10:07 running" in Page(status_page([row(running=1, state="running")], NOW)).text


def test_a_server_that_could_not_be_asked_is_there_with_the_reason() -> None:
    text = Page(status_page([row(), unknown_row("billing", "The namespace is gone.")], NOW)).text
    assert "Needs a look billing ? unknown The namespace is gone." in text
    assert "It could not be asked. The namespace is gone." in text


def test_little_room_is_said_in_words() -> None:
    assert "9.0 GiB free of 100.0 GiB, little room left" in Page(status_page([row(volume_free=9 * 2**30)], NOW)).text
    assert "little room" not in Page(status_page([row(volume_free=11 * 2**30)], NOW)).text


def test_a_server_is_as_its_worst_tier() -> None:
    page = Page(status_page([row(), row(tier="daily", state="failed", good=False, why="x")], NOW))
    assert "1 failed" in page.text
    assert "1 good" not in page.text


@pytest.mark.parametrize("field", [name for name, value in row().items() if isinstance(value, str) and name not in ("state", "next_run")])
def test_hostile_words_stay_words(field: str) -> None:
    text = status_page([row(**{"state": "failed", "good": False, "why": HOSTILE, field: HOSTILE})], NOW)
    page = Page(text)
    assert page.complaints == []
    assert "<script" not in text and "<img" not in text and "onerror=y>" not in text
    assert "{{ 7 * 7 }}" in page.text


def test_what_is_shown_is_escaped_because_the_template_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(**options: Any) -> Any:
        return original(**dict(options, autoescape=False))

    original = module.Environment
    monkeypatch.setattr(module, "Environment", careless)
    assert Page(status_page([row(server=HOSTILE)], NOW)).complaints != []


def test_the_filter_makes_the_page_and_refuses_in_words_what_are_no_rows() -> None:
    page = FilterModule().filters()["status_page"]
    assert Page(page([row()])).complaints == []
    for wrong in ([{}], [None], 7):
        with pytest.raises(AnsibleFilterError, match="no rows"):
            page(wrong)
