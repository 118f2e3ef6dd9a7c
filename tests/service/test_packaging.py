"""What a newcomer gets: a wheel, installed alone, used from an empty directory."""

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from service import __version__

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(*BUILD, "--outdir", folder, ROOT, folder=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bin_dir(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with what it declares, and nothing else, into an environment of its own."""
    home = tmp_path_factory.mktemp("alone")
    venv.create(home, with_pip=True)
    folder = home / ("Scripts" if sys.platform == "win32" else "bin")
    run(folder / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel, folder=home)
    return folder


def test_the_wheel_holds_the_three_packages_and_their_data(wheel: Path) -> None:
    assert wheel.name == f"upadacitinib_cds-{__version__}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == {
        "cards",
        "fhir_fixtures",
        "service",
    }
    assert any(name.startswith("cards/knowledge/") and name.endswith(".yaml") for name in names)
    assert any(name.startswith("fhir_fixtures/cases/") and name.endswith("request.json") for name in names)
    assert {"service/pages/templates/base.html", "service/pages/static/site.css"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.deep
def test_the_installed_wheel_shows_the_demo_from_an_empty_directory(bin_dir: Path, tmp_path: Path) -> None:
    assert "WARNING" in run(bin_dir / "upa-cds", "demo", "--once", folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.deep
def test_the_installed_wheel_validates_its_knowledge_from_an_empty_directory(bin_dir: Path, tmp_path: Path) -> None:
    assert "no problems" in run(bin_dir / "upa-cds", "validate", folder=tmp_path)


@pytest.mark.deep
def test_the_installed_wheel_serves_the_evidence_page_with_its_template(bin_dir: Path, tmp_path: Path) -> None:
    ask = (
        "from service.app import create_app; from service.settings import Settings; "
        "print(create_app(Settings()).test_client().get('/evidence').get_data(as_text=True))"
    )
    assert "<h1>Evidence registry</h1>" in run(bin_dir / "python", "-c", ask, folder=tmp_path)


@pytest.mark.deep
def test_the_installed_wheel_knows_its_version(bin_dir: Path, tmp_path: Path) -> None:
    assert run(bin_dir / "upa-cds", "--version", folder=tmp_path).startswith(f"upa-cds {__version__}, knowledge ")
