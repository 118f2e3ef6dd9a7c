"""The names in the settings that only the knowledge can confirm: rules and options."""

from collections.abc import Iterable

from service.errors import SettingsError
from service.nearest import nearest_hint
from service.settings.model import Settings


def check_rules(settings: Settings, rules: Iterable[str]) -> None:
    """Refuse settings that name a rule which the knowledge does not have: a misspelt switch would do nothing."""
    known = tuple(rules)
    named = {
        "disabled_rules": settings.disabled_rules,
        "silent_rules": settings.silent_rules,
        "indicator_ceiling": tuple(settings.indicator_ceiling),
    }
    problems = [
        f"{setting}: the knowledge has no rule {rule}.{nearest_hint(rule, known)}"
        for setting, ids in named.items()
        for rule in ids
        if rule not in known
    ]
    if problems:
        raise SettingsError(*problems)


def check_options(settings: Settings, ingredients: Iterable[str]) -> None:
    """Refuse settings that name an option which the knowledge does not have."""
    known = tuple(ingredients)
    problems = [
        f"options: the knowledge has no option {name}.{nearest_hint(name, known)}"
        for name in settings.options or ()
        if name not in known
    ]
    if problems:
        raise SettingsError(*problems)
