"""Write the table of the README of this folder: `python -m tests.faults`."""

import re

from tests.faults.catalogue import ROOT, table

if __name__ == "__main__":
    page = ROOT / "tests" / "faults" / "README.md"
    text = page.read_text(encoding="utf-8")
    begin, end = "<!-- faults -->\n", "<!-- /faults -->"
    page.write_text(
        re.sub(f"{begin}.*{end}", lambda _: f"{begin}{table()}\n{end}", text, flags=re.DOTALL), encoding="utf-8"
    )
