from xml.etree import ElementTree

from service.junit import Reported, junit_report


def test_each_test_is_passed_failed_or_skipped_and_counted_so() -> None:
    report = junit_report(
        "suite",
        [
            Reported("group", "passes"),
            Reported("group", "fails", failure=("expected <a>", "came & went")),
            Reported("group", "left out", skipped="needs a card"),
            Reported("group", "warns", notes=("warning:", "a title is missing")),
        ],
    )
    suite = ElementTree.fromstring(report)
    assert {key: suite.get(key) for key in ("name", "tests", "failures", "skipped")} == {
        "name": "suite",
        "tests": "4",
        "failures": "1",
        "skipped": "1",
    }
    passes, fails, left_out, warns = suite
    assert list(passes) == []
    assert (fails[0].get("message"), fails[0].text) == ("expected <a>", "expected <a>\ncame & went")
    assert left_out[0].get("message") == "needs a card"
    assert (warns[0].tag, warns[0].text) == ("system-out", "warning:\na title is missing")


def test_what_xml_cannot_carry_is_replaced() -> None:
    report = junit_report("suite", [Reported("group", "fails", failure=("a\x00b\x1bc\ud800d\uffffe",))])
    (failure,) = ElementTree.fromstring(report).iter("failure")
    assert failure.text == "a\ufffdb\ufffdc\ufffdd\ufffde"
