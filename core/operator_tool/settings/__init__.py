"""The settings of the core and of plugins: from the configuration file, profiles, the environment and ``-o``."""

from .core_settings import CORE_SECTION, CoreSettings
from .description import SettingDescription, describe_settings
from .inventory import KnownCompanion
from .sources import SettingsSources

__all__ = [
    "CORE_SECTION",
    "CoreSettings",
    "KnownCompanion",
    "SettingDescription",
    "SettingsSources",
    "describe_settings",
]
