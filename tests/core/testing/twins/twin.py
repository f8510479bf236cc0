"""A twin: a plugin that is sound but for one weakness, which one check of the kit must find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from operator_tool.api import PluginSettings, RunContext, hookimpl


class Twin:
    """One plugin, as an entry point names it: ``module:ATTRIBUTE``."""

    def __init__(
        self,
        provider: Callable[[Any, RunContext], Any],
        settings: type[PluginSettings],
        *,
        fails: str,
        more: Mapping[str, object] | None = None,
        slow: bool = False,
    ) -> None:
        self.provider = provider
        self.settings = settings
        self.fails = fails
        """The one check that it fails; empty for the sound one."""
        self.more = dict(more or {})
        """What its test class overrides."""
        self.slow = slow
        """Whether its check takes so long that it is left out unless everything is looked at."""

    @property
    def is_quick(self) -> bool:
        """Whether it fails a check, and soon."""
        return bool(self.fails) and not self.slow

    @hookimpl(specname="plugin_settings")
    def plugin_settings(self) -> type[PluginSettings]:
        """Return the class of the settings."""
        return self.settings

    @hookimpl(specname="make_tile_provider")
    def make_tile_provider(self, settings: Any, context: RunContext) -> Any:
        """Return what the twin is weak in."""
        return self.provider(settings, context)


def twins_of(module: ModuleType) -> dict[str, Twin]:
    """Return the twins of a module by the names of their plugins."""
    found = {name: value for name, value in vars(module).items() if isinstance(value, Twin)}
    return {"twin-" + name.lower().replace("_", "-"): twin for name, twin in found.items()}
