"""A fuzzer that knows nothing of us but /openapi.json holds the running service against it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.test_serve import ROOT, answers, running, wait_until

SECONDS = 60
CONFIG = Path(__file__).with_name("schemathesis.toml")
pytestmark = [
    pytest.mark.deep,
    pytest.mark.enable_socket,
    pytest.mark.skipif(
        importlib.util.find_spec("schemathesis") is None and "TEST_FUZZ" not in os.environ,
        reason="schemathesis is not installed: pip install 'upadacitinib-cds[fuzz]'",
    ),
]


def test_no_generated_call_departs_from_what_is_described(tmp_path: Path) -> None:
    with running(tmp_path, "--workers", "1", UPA_CDS_LOG_LEVEL="error") as (_, port):
        wait_until(lambda: answers(port), seconds=60)
        command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
        command += ["--config-file", str(CONFIG), "run", f"http://127.0.0.1:{port}/openapi.json"]
        done = subprocess.run(
            [*command, "--max-time", str(SECONDS)],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS * 10,
        )
        assert answers(port)
    assert done.returncode == 0, done.stdout[-20_000:]
    # It did call, and was not led astray by what it was told.
    assert "Tested: " in done.stdout
    assert "Schema Error" not in done.stdout
