"""What the page works with: synthetic records of recorded cases, and medicines to order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, get_args

import yaml

from cards import Catalogue
from cards.model import System
from service.answer import Options
from service.cases import read_case, shift
from service.trust import Profile


@dataclass(frozen=True, slots=True)
class Synthetic:
    """A patient of the page: the case that has the record, its title, and what there is to see."""

    case: str
    title: str
    look: str


@cache
def synthetic_patients() -> tuple[Synthetic, ...]:
    """Return the patients of the page in their order."""
    return tuple(Synthetic(**item) for item in _read("patients.yaml"))


def page_data(catalogue: Catalogue, options: Options, today: date, *, tokens: bool) -> dict[str, Any]:
    """Return all that the page needs to begin, as plain JSON data.

    Each record is a list of FHIR resources whose dates are moved so that the day of the case is `today`. `tokens` says
    that calls need one.
    """
    return {
        "today": today.isoformat(),
        "tokens": tokens,
        "knowledge": {"version": catalogue.version, "sha256": catalogue.sha256},
        "jurisdiction": options.jurisdiction,
        "jurisdictions": [{"id": key, "name": item.name} for key, item in catalogue.jurisdictions.items()],
        "profile": options.profile,
        "profiles": list(get_args(Profile)),
        "patients": [
            {"case": item.case, "title": item.title, "look": item.look, "record": record_of(item.case, today)}
            for item in synthetic_patients()
        ],
        "orders": [*_products(catalogue), *_by_name(catalogue), *({"text": name} for name in _orders()["plain"])],
    }


@lru_cache(maxsize=128)
def record_of(case: str, today: date) -> tuple[Any, ...]:
    """Return the resources that came with a case by prefetch, moved to `today`."""
    prefetch: Mapping[str, Any] = shift(read_case(case), today).request["prefetch"]
    return tuple(resource for value in prefetch.values() for resource in _resources(value))


def _resources(value: Any) -> Iterator[Any]:
    """Return what a prefetch key holds: the resources of a Bundle, or one resource."""
    if value is None:
        return
    if value["resourceType"] == "Bundle":
        yield from (entry["resource"] for entry in value.get("entry", ()))
    else:
        yield value


def _products(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Return the products of the list, each with the names by which its medicine can be looked up."""
    by_code = {
        code: item
        for item in catalogue.ingredients.values()
        for codes in (item.codes, item.non_systemic_codes)
        for code in codes.get(System.RXNORM, ())
    }
    for product in _orders()["products"]:
        yield {**product, "names": [by_code[product["code"]].name, *by_code[product["code"]].brands]}


def _by_name(catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Return every medicine of the catalogue by its name, with the RxNorm code of the ingredient where it is known."""
    for item in catalogue.ingredients.values():
        coded = {"code": code} if (code := item.order_code) else {}
        yield {"text": item.name, **coded, "names": [item.name, *item.brands]}


@cache
def _orders() -> Any:
    return _read("orders.yaml")


def _read(name: str) -> Any:
    return yaml.safe_load(files("service").joinpath("sandbox", name).read_text(encoding="utf-8"))
