"""`knowledge.yaml`: what this knowledge is and who approved it."""

import datetime
from typing import Annotated

from pydantic import StringConstraints

from cards.model import System
from cards.schema.part import Approval, Slug, Strict, Text


class Terminology(Strict):
    """The release of a code system that the codes were taken from."""

    system: System
    release: Text
    source: Text


class Manifest(Strict):
    """`knowledge.yaml`: what this knowledge is and who approved it."""

    id: Slug
    title: Text
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$")]
    released: datetime.date
    jurisdictions: tuple[Slug, ...]
    terminologies: tuple[Terminology, ...]
    approval: Approval = Approval()
