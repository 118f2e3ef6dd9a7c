"""The frame of all pages: addresses, files, headers."""

import re
from urllib.parse import urljoin

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.pages import Entry, Pages, assets
from service.pages.page import CALLS, FORMS, SCRIPTS, content_security_policy
from service.settings import Settings, load_settings
from tests.databases import own_database

TEMPLATE = "pages/templates/base.html"
KEPT = assets()
# Addresses that are names, and that nobody asks.
NAMES = {"http://www.w3.org/2000/svg", "http://www.nlm.nih.gov/research/umls/rxnorm"}
UNSAFE = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\b")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    folder = tmp_path_factory.mktemp("data")
    # The menu names the dashboard, which needs its database.
    own_database(folder)
    return create_app(Settings(data_dir=folder)).test_client()


def loaded(body: str) -> list[str]:
    return re.findall(r'(?:href|src)="([^"#]+)"', body)


@pytest.mark.parametrize("path", ["/evidence", "/evidence/", "/evidence/upadacitinib-biologic"])
def test_every_address_of_a_page_is_relative_and_leads_somewhere(client: FlaskClient, path: str) -> None:
    links = [link for link in loaded(client.get(path).get_data(as_text=True)) if not link.startswith("https://")]
    assert any(link.endswith("site.css") for link in links)
    assert not any(link.startswith(("/", "http:", "//")) for link in links)
    # Behind a proxy that puts a folder before ours, too.
    resolved = [urljoin(f"https://cds.example.org/upa{path}", link) for link in links]
    assert all(link.startswith("https://cds.example.org/upa/") for link in resolved)
    for link in resolved:
        assert client.get(link.removeprefix("https://cds.example.org/upa")).status_code == 200


def test_the_menu_says_which_page_is_shown() -> None:
    site = Pages((Entry("Evidence", "evidence"), Entry("Elsewhere", "elsewhere")))
    body = site.page(TEMPLATE, "/evidence/a-rule").body
    assert '<a href="../evidence" aria-current="page">Evidence</a>' in body
    assert '<a href="../elsewhere">Elsewhere</a>' in body


@pytest.mark.parametrize("name", sorted(KEPT.content))
def test_a_file_may_be_kept_for_ever_under_the_address_of_its_version(client: FlaskClient, name: str) -> None:
    response = client.get(f"/{KEPT.address(name)}")
    assert response.status_code == 200
    assert response.data == KEPT.content[name]
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.mimetype in {"text/css", "text/javascript", "image/svg+xml"}


@pytest.mark.parametrize(
    "address",
    [
        "/static/0000000000000000/pages/site.css",
        f"/static/{KEPT.digest}/pages/../settings/model.py",
        f"/static/{KEPT.digest}/pages/base.html",
        f"/static/{KEPT.digest}/settings/model.py",
    ],
)
def test_what_is_no_file_of_this_version_is_not_found_and_not_kept(client: FlaskClient, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 404
    assert response.headers["Cache-Control"] == "no-store"


def test_the_name_of_a_file_that_is_not_there_stops_the_page_that_wants_it() -> None:
    with pytest.raises(KeyError):
        KEPT.address("pages/no-such.css")


def test_nothing_inline_and_nothing_from_elsewhere_is_ever_allowed() -> None:
    policy = content_security_policy((SCRIPTS, CALLS, FORMS))
    assert policy == (
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )


def test_a_page_that_needs_no_script_may_run_none() -> None:
    policy = content_security_policy()
    assert "script-src" not in policy
    assert "form-action 'none'" in policy


def test_a_site_says_which_pages_may_show_ours_in_a_frame(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("site") / "upa-cds.toml"
    file.write_text('frame_ancestors = ["https://EHR.example.org"]\n')
    client = create_app(load_settings({"config": str(file)}, {})).test_client()
    policy = client.get("/evidence").headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors 'self' https://ehr.example.org")


def test_no_file_of_a_page_holds_what_its_policy_would_stop() -> None:
    for name, content in KEPT.content.items():
        text = content.decode("utf-8")
        if name.endswith(".js"):
            assert not UNSAFE.search(text), name
        assert set(re.findall(r"https?://\w[^\s\"'`]*", text)) <= NAMES, name
