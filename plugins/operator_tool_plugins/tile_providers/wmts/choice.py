"""What is asked for: one layer, style, matrix set and format of those that a service has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from operator_tool.api import ConfigError, PictureFormat

from .._sample_tile import picture_format_of_word
from .capabilities import Capabilities, Layer, MatrixSet, MatrixSetLink
from .matrix_set import Grid, grid_of
from .server_words import ServerWords
from .settings import WmtsSettings

_T = TypeVar("_T")

_MIXED = (PictureFormat.JPEG, PictureFormat.PNG)
_EACH_AS_IT_SUITS = frozenset({"image/jpgpng", "image/vnd.jpeg-png", "image/vnd.jpeg-png8"})
"""Of ArcGIS, and of GeoServer."""
_REASONS_SAID = 5


class Choice(msgspec.Struct, frozen=True):
    """What to ask the service for, in its own words."""

    layer: Layer
    style: str
    grid: Grid
    media_type: str
    picture_formats: tuple[PictureFormat, ...]
    dimensions: dict[str, str]


def choose(capabilities: Capabilities, settings: WmtsSettings, *, host: str, words: ServerWords) -> Choice:
    """Return what the settings name, and where they name nothing what there is no choice about.

    Raises ``ConfigError`` with the choices where the settings must say more, and with the reason where nothing fits.
    """
    return _Chooser(capabilities, settings, host, words).choice()


class _Chooser:
    def __init__(self, capabilities: Capabilities, settings: WmtsSettings, host: str, words: ServerWords) -> None:
        self._capabilities = capabilities
        self._settings = settings
        self._host = host
        self._words = words

    def choice(self) -> Choice:
        layer = self._layer()
        media_type = self._media_type(layer)
        return Choice(
            layer=layer,
            style=self._style(layer),
            grid=self._grid(layer),
            media_type=media_type,
            picture_formats=_picture_formats(media_type),
            dimensions=self._dimensions(layer),
        )

    def _layer(self) -> Layer:
        layers = self._capabilities.layers
        if not layers:
            raise ConfigError(f"{self._host} announces no layer of tiles", hint="Check wmts.url.")
        if self._settings.layer is not None or len(layers) == 1:
            return self._one_of("layer", self._settings.layer, layers)
        usable = {
            name: layer
            for name, layer in layers.items()
            if any(map(_picture_formats, layer.media_types))
            and any(isinstance(grid, Grid) for grid in self._grids(layer).values())
        }
        if not usable:
            raise ConfigError(
                f"none of the {len(layers):,} layers of {self._host} has jpg, png or webp pictures in Web Mercator"
                " (EPSG:3857)",
                hint="Choose another service: pictures of other projections are not those of the web maps.",
            )
        return self._one_of("layer", None, usable)

    def _style(self, layer: Layer) -> str:
        styles = {style.name: style for style in layer.styles}
        defaults = [style for style in layer.styles if style.is_default]
        if self._settings.style is None and len(defaults) == 1:
            return defaults[0].name
        if self._settings.style is None and not styles:
            return "default"
        return self._one_of("style", self._settings.style, styles).name

    def _media_type(self, layer: Layer) -> str:
        # Two names of one picture are no choice.
        by_key = {media_key(one): one for one in reversed(layer.media_types) if _picture_formats(one)}
        usable = {one: one for one in layer.media_types if by_key.get(media_key(one)) == one}
        if not usable:
            raise ConfigError(
                f"the layer {self._words.quoted(layer.name)} of {self._host} has no jpg, png or webp pictures, but"
                f" {self._listed(layer.media_types) or 'no format at all'}",
                hint="Choose another wmts.layer.",
            )
        wanted = self._settings.format
        if wanted is not None:
            alike = (one for one in usable if media_key(one) == media_key(wanted))
            wanted = next(alike, wanted)
        return self._one_of("format", wanted, usable)

    def _grid(self, layer: Layer) -> Grid:
        grids = self._grids(layer)
        usable = {name: grid for name, grid in grids.items() if isinstance(grid, Grid)}
        wanted = self._settings.matrix_set
        if not usable or (wanted in grids and wanted not in usable):
            reasons = [
                f"{self._words.quoted(name)} {self._words.safe(reason)}"
                for name, reason in grids.items()
                if isinstance(reason, str) and (wanted not in grids or name == wanted)
            ]
            raise ConfigError(
                f"the layer {self._words.quoted(layer.name)} of {self._host} can't be asked for tiles of the web maps:"
                f" {'; '.join(reasons[:_REASONS_SAID]) or 'it names no matrix set'}",
                hint="Choose another wmts.layer or wmts.matrix_set, or a service that has it in Web Mercator.",
            )
        return self._one_of(
            "matrix_set", wanted, usable, note=lambda grid: f" (zooms {min(grid.zooms)} to {max(grid.zooms)})"
        )

    def _grids(self, layer: Layer) -> dict[str, Grid | str]:
        """Return, for each matrix set of a layer, its grid or why it has none."""
        matrix_sets = self._capabilities.matrix_sets
        return {
            link.matrix_set: self._grid_of(matrix_sets[link.matrix_set], link)
            if link.matrix_set in matrix_sets
            else "is not described"
            for link in layer.links
        }

    def _grid_of(self, matrix_set: MatrixSet, link: MatrixSetLink) -> Grid | str:
        settings = self._settings
        # An operator who names the ground knows better than the service which tiles there are.
        return grid_of(matrix_set, link, projection=settings.projection, all_tiles=settings.bounds is not None)

    def _dimensions(self, layer: Layer) -> dict[str, str]:
        given = {name.lower(): value for name, value in self._settings.dimensions.items()}
        values: dict[str, str] = {}
        for dimension in layer.dimensions:
            value = given.pop(dimension.name.lower(), "") or dimension.default
            if not value and len(dimension.values) == 1:
                value = dimension.values[0]
            if not value:
                raise ConfigError(
                    f"the layer {self._words.quoted(layer.name)} of {self._host} has no default for its dimension"
                    f" {self._words.quoted(dimension.name)}, but {self._listed(dimension.values) or 'no value either'}",
                    hint="Set it in wmts.dimensions.",
                )
            values[dimension.name] = value
        if given:
            raise ConfigError(
                f"wmts.dimensions has {', '.join(map(repr, given))}, and the layer {self._words.quoted(layer.name)} of"
                f" {self._host} has {self._listed(values) or 'no dimension'}"
            )
        return values

    def _one_of(
        self, setting: str, wanted: str | None, having: Mapping[str, _T], *, note: Callable[[_T], str] = lambda _: ""
    ) -> _T:
        """Return the one that is wanted, or the only one that there is."""
        if wanted is None and len(having) == 1:
            return next(iter(having.values()))
        if wanted is not None and wanted in having:
            return having[wanted]
        noun = setting.replace("_", " ")
        choices = self._words.listed(self._words.quoted(name) + note(one) for name, one in having.items())
        if wanted is None:
            message = f"{self._host} has {len(having):,} {noun}s, and wmts.{setting} is not set; there are: {choices}"
        else:
            message = f"{self._host} has no {noun} {wanted!r}; there are: {choices or 'none'}"
        raise ConfigError(message, hint=f"Set wmts.{setting} to one of them.")

    def _listed(self, names: Iterable[str]) -> str:
        return self._words.listed(map(self._words.quoted, names))


def media_key(media_type: str) -> str:
    """Return what is the same for two names of one media type: ``image/jpg`` and ``Image/JPEG``, ``jpeg`` by itself."""
    base, _, parameters = media_type.strip().lower().partition(";")
    name = base.strip().removeprefix("image/").removeprefix("x-")
    name = "jpeg" if name in ("jpg", "pjpeg", "jpe") else name
    return ";".join([f"image/{name}", *sorted(one.replace(" ", "") for one in parameters.split(";") if one.strip())])


def _picture_formats(media_type: str) -> tuple[PictureFormat, ...]:
    """Return the formats of a media type's pictures; none when they are not the tool's."""
    if media_key(media_type).partition(";")[0] in _EACH_AS_IT_SUITS:
        return _MIXED
    picture_format = picture_format_of_word(media_type.partition(";")[0])
    return () if picture_format is None else (picture_format,)
