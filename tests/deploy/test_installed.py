"""What an image would hold, without an image: pinned files by hash, the wheel, another user, a tree that stays."""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import __version__
from tests.fakes import SELECT
from tests.loopback import free_port
from tests.service.test_serve import ROOT, answers, call, recorded_request, wait_until

pytestmark = [pytest.mark.deep, pytest.mark.enable_socket]
NOBODY = 65534
PINNED = ROOT / "service" / "deploy" / "requirements.txt"


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that another user can enter: those of pytest are for one user alone."""
    made = Path(tempfile.mkdtemp(prefix="upa-cds-installed-"))
    made.chmod(0o755)
    yield made
    subprocess.run(["chmod", "-R", "u+w", made], check=True)
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def tree(folder: Path) -> Path:
    """The environment as the Containerfile makes it, then without a right to write for anybody."""
    place = folder / "upa-cds"
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "wheels", ROOT)
    venv.create(place, with_pip=True)
    pip = (place / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "--only-binary", ":all:", "--requirement", PINNED)
    (wheel,) = (folder / "wheels").glob("*.whl")
    run(*pip, "--no-deps", "--no-index", wheel)
    run("chmod", "-R", "a-w,a+rX", place)
    return place


def as_nobody(*command: str | Path) -> list[str | Path]:
    """Run without any privilege; a test that is not run by root has none to give up."""
    if os.geteuid() != 0:
        return [*command]
    dropped = [
        "--reuid",
        str(NOBODY),
        "--regid",
        str(NOBODY),
        "--clear-groups",
        "--no-new-privs",
        "--bounding-set=-all",
    ]
    return ["setpriv", *dropped, *command]


def written(tree: Path) -> list[tuple[str, int]]:
    return sorted((str(file.relative_to(tree)), file.stat().st_mtime_ns) for file in tree.rglob("*"))


def test_the_pinned_files_are_all_that_the_wheel_needs(tree: Path) -> None:
    run(tree / "bin" / "python", "-m", "pip", "check")
    assert run(tree / "bin" / "upa-cds", "--version").startswith(f"upa-cds {__version__}, ")


def test_another_user_serves_a_call_from_a_tree_that_he_cannot_write(tree: Path, folder: Path) -> None:
    data, port, before = folder / "data", free_port(), written(tree)
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, NOBODY, NOBODY)
        touched = subprocess.run(as_nobody("touch", tree / "bin" / "x"), capture_output=True, text=True, check=False)
        assert "Permission denied" in touched.stderr
    # Nothing of this process's environment, as in a container.
    environ = {"PATH": os.defpath, "UPA_CDS_DATA_DIR": str(data), "UPA_CDS_PORT": str(port)}
    command = as_nobody(tree / "bin" / "upa-cds", "serve")
    process = subprocess.Popen(command, env=environ, cwd="/", stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: answers(port) or process.poll() is not None, 60)
        assert process.poll() is None, process.communicate()[1]
        status, answer = call(port, "POST", SELECT, recorded_request())
        assert (status, bool(answer["cards"])) == (200, True)
        assert call(port, "GET", "/readyz")[1]["feedback"]["database"] == "usable"
    finally:
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert written(tree) == before
    assert {file.stat().st_uid for file in data.rglob("*")} == {NOBODY if os.geteuid() == 0 else os.geteuid()}
