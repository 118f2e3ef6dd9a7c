"""Show one recorded call as a clinician would read it: a real server, a real post, the card, the curl line."""

import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import requests
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from service.cases import Case, read_case, shift
from service.discovery import SERVICES
from service.settings import Settings

CASE = "order-select__upadacitinib-beside-current-infliximab"
COLOURS = {"info": "blue", "warning": "yellow", "critical": "red"}
SECONDS = 30


@dataclass(frozen=True, slots=True)
class Shown:
    """What the demo got: the case, the response as it came, the line that asks again, and where to go from there."""

    case: Case
    answer: str
    curl: str
    discovery: str
    sandbox: str


@contextmanager
def demonstration(today: date, *, order_helper: bool = False) -> Iterator[Shown]:
    """Serve on a free port of this machine, post the case moved to `today`, and stop at the end of the block.

    With the order helper the cards are shaped for the public sandbox, the client that needs one.
    """
    case = shift(read_case(CASE), today)
    with (
        tempfile.TemporaryDirectory(prefix="upa-cds-demo-") as made,
        _serving(Path(made), today, order_helper) as base_url,
    ):
        file = Path(made) / "request.json"
        file.write_bytes(case.body)
        url = f"{base_url}/cds-services/{_service_id(case)}"
        curl = f'curl -s -H "Content-Type: application/json" --data "@{file}" {url}'
        yield Shown(case, _post(url, case.body), curl, f"{base_url}/cds-services", f"{base_url}/sandbox")


def show(shown: Shown, console: Console) -> None:
    """Write the cards of the answer, each with its indicator, detail, buttons, override reasons and source."""
    console.print(Text(f"{shown.case.hook} on {shown.case.on}: {shown.case.title}", style="bold"))
    console.print("Synthetic patient. The dates of the case are moved so that its day is today.\n")
    for card in json.loads(shown.answer)["cards"]:
        colour = COLOURS[card["indicator"]]
        title = Text(f" {card['indicator'].upper()} ", style=f"bold reverse {colour}")
        console.print(Panel(Group(*_card(card)), title=title, title_align="left", border_style=colour))


def _card(card: Mapping[str, Any]) -> Iterator[RenderableType]:
    yield Text(card["summary"], style="bold")
    if "detail" in card:
        yield Markdown("\n" + card["detail"])
    yield from _list("Buttons", (suggestion["label"] for suggestion in card.get("suggestions", ())))
    yield from _list("Override reasons", (reason["display"] for reason in card.get("overrideReasons", ())))
    yield from _list("Links", (f"{link['label']} {link['url']}" for link in card.get("links", ())))
    source = card["source"]
    yield Text(f"\nSource: {source['label']} {source.get('url', '')}".rstrip())


def _list(heading: str, lines: Iterator[str]) -> Iterator[RenderableType]:
    written = [f"  - {line}" for line in lines]
    if written:
        yield Text(f"\n{heading}", style="bold")
        yield Text("\n".join(written))


@contextmanager
def _serving(folder: Path, today: date, order_helper: bool) -> Iterator[str]:
    """Serve from a thread: it needs no fork and no signal, and ends with the block on every system."""
    from service.app import SITE, create_app, local_server
    from service.store import Place
    from service.store.migrate import upgrade

    noon = datetime.combine(today, time(12), UTC)
    settings = Settings(data_dir=folder, order_helper=order_helper, profile="sandbox" if order_helper else "spec")
    upgrade(Place.of(settings))
    app = create_app(settings, clock=lambda: noon)
    server = local_server(app)
    thread = threading.Thread(target=server.serve_forever, name="demo-server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(SECONDS)
        server.server_close()
        app.extensions[SITE].close()


def _post(url: str, body: bytes) -> str:
    with requests.Session() as session:
        # A proxy of the environment has no business between this process and itself.
        session.trust_env = False
        response = session.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=SECONDS)
    response.raise_for_status()
    return response.text


def _service_id(case: Case) -> str:
    return next(service.id for service in SERVICES if service.hook == case.hook)
