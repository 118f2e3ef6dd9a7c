import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.audit.decision import Reaction
from service.audit.index import INDEX, Index
from service.cli import cli
from service.errors import InvalidRequest
from tests.audit.trails import CARD, NOON, Site, changed, days, decision


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def run(site: Site, *words: str) -> Result:
    return CliRunner().invoke(cli, ["audit", *words, str(site.trail), "--data-dir", str(site.folder / "data")])


def test_verify_says_how_much_it_read_and_where_the_trail_ends(site: Site) -> None:
    site.wrote(decision())
    done = run(site, "verify")
    assert done.exit_code == 0
    assert done.output == f"{site.trail}: intact. 1 segments, 3 lines. Head: {site.verified().head}\n"
    assert run(site, "verify", "--head", site.verified().head).exit_code == 0
    assert run(site, "verify", "--head", "f" * 64).exit_code == 1


def test_verify_fails_on_an_altered_trail_and_names_the_line(site: Site) -> None:
    file = site.wrote(decision())
    changed(file, lambda lines: [lines[0], lines[1].replace(b"complete", b"incomplete"), *lines[2:]])
    done = run(site, "verify")
    assert done.exit_code == 1
    assert done.output == f"upa-cds: {file.name}, line 2: was altered: its hash is not that of its content\n"


def test_verify_writes_its_outcome_for_prometheus(site: Site) -> None:
    file, told = site.wrote(decision()), site.folder / "audit.prom"
    assert run(site, "verify", "--metrics", str(told)).exit_code == 0
    assert "\nupa_cds_audit_intact 1\n" in told.read_text()
    file.unlink()
    assert run(site, "verify", "--metrics", str(told)).exit_code == 1
    assert "\nupa_cds_audit_intact 0\n" in told.read_text()


@pytest.mark.parametrize("command", ["verify", "export"])
def test_a_folder_without_a_trail_is_bad_input(site: Site, command: str) -> None:
    site.trail.mkdir()
    done = run(site, command)
    assert isinstance(done.exception, InvalidRequest)
    assert done.exception.exit_code == 65


def test_a_key_that_is_not_there_is_not_made_anew(site: Site) -> None:
    site.wrote(decision())
    (site.folder / "data" / "audit.key").unlink()
    assert isinstance(run(site, "verify").exception, InvalidRequest)
    assert not (site.folder / "data" / "audit.key").exists()


def test_export_gives_the_days_that_were_asked_for_in_the_order_of_time(site: Site) -> None:
    site.wrote(decision(NOON + days(2)))
    site.wrote(decision(NOON), decision(NOON + days(1)))
    told = run(site, "export", "--format", "ndjson", "--since", "2026-03-17")
    assert [json.loads(line)["time"][:10] for line in told.output.splitlines()] == ["2026-03-17", "2026-03-18"]
    told = run(site, "export", "--format", "ndjson", "--until", "2026-03-16")
    assert [json.loads(line)["time"][:10] for line in told.output.splitlines()] == ["2026-03-16"]


def test_export_as_csv_has_a_row_for_each_decision_and_each_feedback(site: Site) -> None:
    site.wrote(decision(), Reaction(NOON, "req-2", "ehr", CARD.uuid, "overridden", "planned-switch"))
    said, fed = csv.DictReader(io.StringIO(run(site, "export").output))
    assert said["cards"] == f"upadacitinib-biologic:warning:{CARD.uuid}"
    assert (said["knowledge"], said["outcome"], said["rules"]) == ("1.0.0", "complete", "upadacitinib-biologic")
    assert (fed["kind"], fed["card"], fed["feedback"]) == ("feedback", CARD.uuid, "overridden")


def test_nothing_is_exported_or_deleted_of_a_trail_that_was_altered(site: Site) -> None:
    file = site.wrote(decision())
    changed(file, lambda lines: [lines[0], lines[1].replace(b"complete", b"incomplete"), *lines[2:]])
    assert run(site, "export").exit_code == 1
    assert run(site, "export", "--unverified", "--format", "ndjson").output.count("\n") == 1
    assert run(site, "prune", "--before", "2027-01-01").exit_code == 1
    assert file.exists()


def test_prune_deletes_whole_segments_of_earlier_days_and_the_rest_still_verifies(site: Site) -> None:
    site.wrote(decision(NOON), decision(NOON + days(1)), decision(NOON + days(2)))
    first, second, third = site.segments()
    done = run(site, "prune", "--before", "2026-03-18")
    assert done.output == f"{site.trail}: deleted 2 segments of days before 2026-03-18.\n"
    assert site.segments() == [third]
    assert site.verified().remarks == ()
    assert run(site, "verify").exit_code == 0
    assert not first.exists()
    assert not second.exists()


def test_a_segment_without_an_end_is_not_pruned(site: Site) -> None:
    worker = site.worker()
    worker.take(decision())
    assert worker.flush(20)
    assert "deleted 0 segments" in run(site, "prune", "--before", "2027-01-01").output
    assert len(site.segments()) == 1
    worker.close()


def test_a_prune_that_broke_off_is_finished_by_the_next(site: Site) -> None:
    file = site.wrote(decision())
    head = [json.loads(line) for line in (site.trail / INDEX).read_text().splitlines()][-1]
    from service.audit.chain import Head

    Index(site.trail, site.key).pruned({file.name: Head(head["lines"], head["last"])}, NOON)
    assert site.notes() == [f"{file.name}: was pruned and is still there: prune again"]
    assert "deleted 1 segments" in run(site, "prune", "--before", str(date(2026, 3, 17))).output
    assert site.verified().remarks == ()


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_day_that_is_none_is_wrong_usage(site: Site, option: str) -> None:
    site.wrote(decision())
    assert run(site, "export", option, "yesterday").exit_code == 2
