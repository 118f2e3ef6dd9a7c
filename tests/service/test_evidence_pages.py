"""The evidence pages: what is on them, in which form, and that nothing of the knowledge becomes markup."""

import dataclasses
import html
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from cards import KnowledgeError
from service.answer import Engine, build_engine
from service.app import create_app
from service.registry import registry
from service.settings import Settings
from tests.databases import own_database
from tests.fakes import Shell
from tests.packaged import CATALOGUE

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BIOLOGIC = "upadacitinib-biologic"
PAGES = ["/evidence", *(f"/evidence/{key}" for key in CATALOGUE.rules)]
VOID = {"meta", "br", "hr", "img", "link", "input"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("data")
    # The menu names the dashboard, which needs its database.
    own_database(folder)
    return create_app(Settings(data_dir=folder), clock=lambda: NOW).test_client()


class Reader(HTMLParser):
    """Reads a page as a browser would: its text, its elements, and whether they are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]


def read(client: FlaskClient, path: str = "/evidence") -> Reader:
    return Reader(client.get(path).get_data(as_text=True))


def flat(text: str) -> str:
    return " ".join(text.split())


class TestContent:
    """Everything that the registry holds is on the page."""

    def test_every_entry_is_shown_with_all_that_is_known_of_it(self, client: FlaskClient) -> None:
        text = read(client).text
        for key, entry in CATALOGUE.evidence.items():
            assert key in text
            known = (entry.citation, entry.doi, entry.pmid, entry.url, entry.population, entry.design, entry.finding)
            for part in (*known, entry.note, entry.line):
                assert part is None or flat(part) in text, key
        assert text.count("Certainty ") >= len(CATALOGUE.evidence)

    def test_every_figure_is_shown_with_denominator_and_interval(self, client: FlaskClient) -> None:
        page = client.get("/evidence").get_data(as_text=True)
        assert "<td>24/27</td><td>88.9</td><td>71.9 to 96.1</td>" in page
        figures = [item for entry in CATALOGUE.evidence.values() for item in entry.figures]
        for item in figures:
            assert f"<td>{item.events}/{item.of}</td>" in page
        assert page.count("count worked out from the percentage") == sum(item.inferred for item in figures) == 1

    def test_every_statement_is_shown_with_verdict_and_reason(self, client: FlaskClient) -> None:
        text = read(client).text
        for statement in CATALOGUE.statements.values():
            for part in (statement.statement, statement.reason, statement.printed):
                assert part is None or flat(part) in text

    def test_every_sentence_of_every_label_is_shown_with_its_revision(self, client: FlaskClient) -> None:
        text = read(client).text
        for jurisdiction in CATALOGUE.jurisdictions.values():
            for label in jurisdiction.labels.values():
                assert label.revision in text
                assert all(sentence.text in text for sentence in label.sentences.values())

    def test_the_knowledge_version_hash_and_day_are_shown(self, client: FlaskClient) -> None:
        text = read(client).text
        assert f"Knowledge {CATALOGUE.version}, SHA-256 {CATALOGUE.sha256}, as of 2026-11-23." in text
        assert text.count("Approval not approved") == len(CATALOGUE.evidence) + len(CATALOGUE.rules)

    def test_the_page_of_a_rule_shows_its_entries_and_no_others(self, client: FlaskClient) -> None:
        text = read(client, f"/evidence/{BIOLOGIC}").text
        assert "Upadacitinib with an immunomodulating biologic" in text
        assert CATALOGUE.evidence["source-series-27"].citation in text
        assert CATALOGUE.evidence["vega"].citation not in text


class TestForm:
    """A page to read and print, or data."""

    @pytest.mark.parametrize("path", PAGES)
    @pytest.mark.parametrize(
        ("accept", "query", "expected"),
        [
            (None, "", "text/html"),
            ("*/*", "", "text/html"),
            ("text/html,application/xhtml+xml,*/*;q=0.8", "", "text/html"),
            ("application/json", "", "application/json"),
            ("application/json;q=0.9, text/html;q=0.1", "", "application/json"),
            ("image/png", "", "text/html"),
            ("text/html", "?format=json", "application/json"),
            ("application/json", "?format=html", "text/html"),
        ],
    )
    def test_the_accept_header_chooses_and_format_overrules_it(
        self, client: FlaskClient, path: str, accept: str | None, query: str, expected: str
    ) -> None:
        response = client.get(path + query, headers={"Accept": accept} if accept else {})
        assert (response.status_code, response.mimetype) == (200, expected)
        assert response.headers["Vary"] == "Accept, Origin"

    def test_the_data_are_the_registry(self, client: FlaskClient) -> None:
        assert client.get("/evidence?format=json").get_json() == registry(CATALOGUE, NOW.date())
        one = client.get(f"/evidence/{BIOLOGIC}?format=json").get_json()
        assert one == registry(CATALOGUE, NOW.date(), rule=BIOLOGIC)

    def test_another_format_is_a_400_that_names_the_two(self, client: FlaskClient) -> None:
        response = client.get("/evidence?format=xml")
        assert response.status_code == 400
        assert "format=html or format=json" in response.get_json()["issue"][0]["diagnostics"]

    @pytest.mark.parametrize(
        "path", ["/evidence/upadacitinib-biologics", "/evidence/nothing", "/evidence/%3Cscript%3E"]
    )
    def test_an_unknown_rule_is_a_404_with_an_operation_outcome(self, client: FlaskClient, path: str) -> None:
        response = client.get(path)
        assert (response.status_code, response.mimetype) == (404, "application/json")
        outcome = response.get_json()
        assert outcome["resourceType"] == "OperationOutcome"
        assert outcome["issue"][0]["code"] == "not-found"
        assert "script" not in outcome["issue"][0]["diagnostics"]

    @pytest.mark.parametrize("path", PAGES)
    def test_head_has_the_headers_and_no_body(self, client: FlaskClient, path: str) -> None:
        response = client.head(path)
        assert (response.status_code, response.data) == (200, b"")
        assert response.headers["Content-Type"] == "text/html; charset=utf-8"

    @pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
    def test_nothing_can_be_changed(self, client: FlaskClient, method: str) -> None:
        response = getattr(client, method)("/evidence")
        assert response.status_code == 405
        assert {"GET", "HEAD"} <= {name.strip() for name in response.headers["Allow"].split(",")}

    def test_a_preflight_and_an_answer_carry_the_headers_for_browsers(self, client: FlaskClient) -> None:
        origin = {"Origin": "https://sandbox.example"}
        assert (
            client.options("/evidence", headers=origin).headers["Access-Control-Allow-Methods"] == "GET, HEAD, OPTIONS"
        )
        answered = client.get(f"/evidence/{BIOLOGIC}", headers=origin)
        assert answered.headers["Access-Control-Allow-Origin"] == "https://sandbox.example"

    def test_without_knowledge_the_pages_are_refused(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(settings: Settings) -> Engine:
            raise KnowledgeError(("rules.yaml: is empty; restore its content",))

        monkeypatch.setattr("service.site.build_engine", refuse)
        assert shell.client().get("/evidence").status_code == 503

    def test_the_day_is_that_of_the_site(self) -> None:
        evening = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
        client = create_app(Settings(timezone="Europe/Berlin"), clock=lambda: evening).test_client()
        assert client.get("/evidence?format=json").get_json()["on"] == "2026-11-24"


class TestSafety:
    """The page is inert: no script, nothing loaded from elsewhere, and no text of the knowledge is markup."""

    @pytest.mark.parametrize("path", PAGES)
    def test_style_and_pictures_of_our_own_are_allowed_and_no_script(self, client: FlaskClient, path: str) -> None:
        response = client.get(path)
        policy = response.headers["Content-Security-Policy"]
        assert policy == (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'self'"
        )
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("path", PAGES)
    def test_the_page_loads_our_style_and_links_to_https_or_to_us(self, client: FlaskClient, path: str) -> None:
        page = read(client, path)
        assert page.open == []
        names = {name for name, _ in page.elements}
        assert not names & {"script", "style", "img", "iframe", "object", "form", "base"}
        assert page.attributes("src") == page.attributes("style") == page.attributes("onclick") == []
        links, ids = page.attributes("href"), page.attributes("id")
        assert any(link.startswith("https://") for link in links)
        assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
        inside = [link for link in links if not link.startswith(("https://", "#"))]
        assert len(inside) >= 3
        assert {client.get(urljoin(path, link)).status_code for link in inside} == {200}
        assert len(ids) == len(set(ids))

    def test_the_page_can_be_read_by_a_screen_reader(self, client: FlaskClient) -> None:
        page = read(client)
        names = [name for name, _ in page.elements]
        assert page.elements[0] == ("html", {"lang": "en"})
        assert names.count("h1") == names.count("main") == names.count("title") == 1
        assert names.count("table") == names.count("caption") > 3
        assert all(attributes.get("scope") in {"row", "col"} for name, attributes in page.elements if name == "th")
        levels = [int(name[1]) for name in names if re.fullmatch(r"h[1-6]", name)]
        assert all(after - before <= 1 for before, after in pairwise(levels))

    def test_no_text_of_the_knowledge_becomes_markup_or_a_link(self, monkeypatch: pytest.MonkeyPatch) -> None:
        evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
        entry = CATALOGUE.evidence["vega"]
        texts = dict.fromkeys(("citation", "population", "design", "finding", "note", "line"), evil)
        changed = entry.model_copy(update={**texts, "url": "javascript:alert(1)", "doi": f'10.1000/"{evil}'})
        statement = CATALOGUE.statements["novel-mechanism"].model_copy(update={"statement": evil, "reason": evil})
        catalogue = dataclasses.replace(CATALOGUE, evidence={"vega": changed}, rules={}, statements={"evil": statement})
        made = build_engine(Settings())
        monkeypatch.setattr(
            "service.site.build_engine", lambda settings: dataclasses.replace(made, catalogue=catalogue)
        )
        response = create_app(Settings(), clock=lambda: NOW).test_client().get("/evidence")
        body = response.get_data(as_text=True)
        page = Reader(body)
        assert {"script", "img"}.isdisjoint(name for name, _ in page.elements)
        assert page.text.count(flat(evil)) >= len(texts) + 2
        assert html.escape("<script>", quote=False) in body
        assert not any(link.startswith("javascript") for link in page.attributes("href"))
        assert all(link.startswith(("https://", "#", "./")) for link in page.attributes("href"))

    def test_the_page_names_no_patient_and_asks_for_nothing(self, client: FlaskClient) -> None:
        assert "Set-Cookie" not in client.get("/evidence").headers


def test_the_link_of_a_card_leads_to_a_page_that_is_there(client: FlaskClient) -> None:
    from service.cases import read_case

    card, *_ = read_case("order-select__evidence-link-under-the-public-address").expected["cards"]
    (link,) = card["links"]
    path = link["url"].removeprefix("https://cds.example.org/upa")
    assert client.get(path).status_code == 200
    assert link == {
        "label": "All evidence behind this card, with its verification state",
        "url": f"https://cds.example.org/upa/evidence/{BIOLOGIC}",
        "type": "absolute",
    }
