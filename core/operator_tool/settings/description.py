"""A plugin's settings in words, for the command line and the reference."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

import msgspec

from operator_tool.api.settings import PluginSettings

from .conversion import in_words, is_secret


class SettingDescription(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as its plugin declared it."""

    name: str
    type: str
    required: bool
    default: str
    """As TOML would write it; empty where the setting is required."""
    description: str

    def environment_variable(self, plugin: str) -> str:
        """Return the variable that sets it."""
        return f"OPERATOR_TOOL_{plugin}_{self.name}".upper().replace("-", "_")


def describe_settings(settings_type: type[PluginSettings]) -> tuple[SettingDescription, ...]:
    """Return what a settings class declares, field by field, in its order."""
    return tuple(
        SettingDescription(
            name=field.name,
            type="secret" if is_secret(field.type) else in_words(field.type),
            required=field.required,
            default="" if field.required else _default_of(field),
            description=_description_of(field.type),
        )
        for field in msgspec.structs.fields(settings_type)
    )


def _default_of(field: msgspec.structs.FieldInfo) -> str:
    default = field.default
    if default is msgspec.NODEFAULT:
        default = field.default_factory() if callable(field.default_factory) else None
    return "none" if default is None else msgspec.json.encode(default).decode()


def _description_of(annotation: Any) -> str:
    """Return the description of the ``Meta`` in an ``Annotated`` type."""
    if get_origin(annotation) is not Annotated:
        return ""
    found = [part.description for part in get_args(annotation)[1:] if isinstance(part, msgspec.Meta)]
    return next((text for text in found if text), "")
