"""The YAML loaders: those of libyaml where PyYAML was built with it, ten times as fast."""

from typing import Any

import yaml

SAFE: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Keeps every scalar as text: "on" is then no boolean, and a day no date.
TEXT: type[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
