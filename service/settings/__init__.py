"""The settings: flag over environment over file, read once, every problem reported at once."""

from service.settings.client import ANYONE, Client
from service.settings.environment import default_data_dir, share_metrics, variable_name
from service.settings.known import check_options, check_rules
from service.settings.load import CONFIG, Effective, effective_settings, load_settings
from service.settings.model import FILE_ONLY, SCALARS, Settings, every_fhir_server
from service.settings.value import FILE

__all__ = [
    "ANYONE",
    "CONFIG",
    "FILE",
    "FILE_ONLY",
    "SCALARS",
    "Client",
    "Effective",
    "Settings",
    "check_options",
    "check_rules",
    "default_data_dir",
    "effective_settings",
    "every_fhir_server",
    "load_settings",
    "share_metrics",
    "variable_name",
]
