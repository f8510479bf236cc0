"""Writes down all that it can see without going to look for it: of the process, of its settings, of its run."""

import os
from pathlib import Path

from operator_tool import api

from .tiles import Settings, Tiles

AT_IMPORT = repr(dict(os.environ))


@api.hookimpl.plugin_settings
def plugin_settings() -> type[api.PluginSettings]:
    return Settings


@api.hookimpl.make_tile_provider
def make_tile_provider(settings: Settings, context: api.RunContext) -> Tiles:
    seen = [AT_IMPORT, repr(dict(os.environ)), repr(settings), repr(context), repr(vars(context))]
    seen += [settings.api_key.reveal()] if settings.api_key is not None else []
    Path("seen.txt").write_text("\n".join(seen), encoding="utf-8")
    return Tiles(settings, None, None)
