"""A JUnit report, as continuous integration servers read it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree  # only written, never read

# What XML 1.0 cannot carry, even escaped (Extensible Markup Language 1.0, section 2.2).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Reported:
    """One line of the report. `failure` are lines for a reader; `skipped` says why; `notes` are printed beside it."""

    group: str
    name: str
    failure: tuple[str, ...] = ()
    skipped: str | None = None
    notes: tuple[str, ...] = ()


def junit_report(name: str, tests: Sequence[Reported]) -> bytes:
    """Return the tests as one suite in XML."""
    failed, skipped = (sum(bool(found) for found in kind) for kind in _kinds(tests))
    suite = ElementTree.Element(
        "testsuite", name=name, tests=str(len(tests)), failures=str(failed), skipped=str(skipped)
    )
    for test in tests:
        element = ElementTree.SubElement(suite, "testcase", classname=_clean(test.group), name=_clean(test.name))
        if test.skipped:
            ElementTree.SubElement(element, "skipped", message=_clean(test.skipped))
        elif test.failure:
            failure = ElementTree.SubElement(element, "failure", message=_clean(test.failure[0]))
            failure.text = _clean("\n".join(test.failure))
        if test.notes:
            ElementTree.SubElement(element, "system-out").text = _clean("\n".join(test.notes))
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))


def _kinds(tests: Sequence[Reported]) -> tuple[list[object], list[object]]:
    return [test.failure and not test.skipped for test in tests], [test.skipped for test in tests]


def _clean(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
