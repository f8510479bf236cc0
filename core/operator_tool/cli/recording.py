"""``--record FILE``: short for the listener ``record`` beside the configured ones, with its file."""

from __future__ import annotations

from operator_tool.settings import SettingsSources

from .options import CompanionOptions

_LISTENER = "record"


def recording_settings(options: CompanionOptions) -> list[str]:
    """Return the setting that the option stands for, as ``-o`` would give it."""
    return [] if options.record is None else [f"{_LISTENER}.file={options.record}"]


def listeners_of(options: CompanionOptions, sources: SettingsSources) -> tuple[str, ...]:
    """Return the listeners of a run. The recording one is last, so that it sees what other wrappers made of a link."""
    configured = sources.core().listeners
    if options.record is None:
        return configured
    return (*(name for name in configured if name != _LISTENER), _LISTENER)
