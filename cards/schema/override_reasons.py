"""`override_reasons.yaml`: the reasons that a clinician can give for going on."""

from collections.abc import Mapping

from cards.schema.part import Slug, Strict, Text


class OverrideReason(Strict):
    """One reason that a clinician can give for going on.

    `documents_exception` says that who gives it has documented why this patient takes both; a site can have that
    remembered.
    """

    display: Text
    documents_exception: bool = False


class OverrideReasonsFile(Strict):
    """`override_reasons.yaml`."""

    system: Text
    reasons: Mapping[Slug, OverrideReason]
