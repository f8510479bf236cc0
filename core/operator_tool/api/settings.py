"""What a plugin declares of its settings."""

from __future__ import annotations

import msgspec

Meta = msgspec.Meta
"""``Annotated[int, Meta(ge=1, description="...")]``: the bounds and the description of one setting."""


class PluginSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of a plugin's settings: one frozen struct, every field annotated with :data:`Meta` and described.

    Subclass it with ``frozen=True, kw_only=True``. Values come, weakest first, from the field's default, the
    configuration file (``[NAME]``), a profile, the environment (``OPERATOR_TOOL_NAME_FIELD``) and
    ``-o NAME.FIELD=VALUE``; the core converts and checks them before the plugin is made. A field of type
    :class:`~operator_tool.api.Secret` is resolved by the core from where secrets may come from.
    """
