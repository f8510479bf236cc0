"""Capabilities documents as services write them, and pieces to make others of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

WORLD_SCALE = 559_082_264.0287178
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Capabilities version="1.0.0" xmlns="http://www.opengis.net/wmts/1.0"'
    ' xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink">'
)
TAIL = "</Capabilities>"
DEFAULT_STYLE = '<Style isDefault="true"><ows:Identifier>default</ows:Identifier></Style>'


def document(*parts: str, kvp: str = "", provider: str = "") -> bytes:
    """Return a document with these layers and matrix sets, and an address for queries where ``kvp`` is one."""
    operations = (
        '<ows:OperationsMetadata><ows:Operation name="GetTile"><ows:DCP><ows:HTTP>'
        f'<ows:Get xlink:href="{kvp}"><ows:Constraint name="GetEncoding"><ows:AllowedValues><ows:Value>KVP</ows:Value>'
        "</ows:AllowedValues></ows:Constraint></ows:Get></ows:HTTP></ows:DCP></ows:Operation></ows:OperationsMetadata>"
    )
    named = f"<ows:ServiceProvider><ows:ProviderName>{provider}</ows:ProviderName></ows:ServiceProvider>"
    contents = f"<Contents>{''.join(parts)}</Contents>"
    return f"{HEAD}{named if provider else ''}{operations if kvp else ''}{contents}{TAIL}".encode()


def layer(
    name: str = "photo",
    *,
    formats: Iterable[str] = ("image/jpeg",),
    styles: str = DEFAULT_STYLE,
    sets: Iterable[str] = ("webmercator",),
    limits: str = "",
    template: str = "",
    more: str = "",
) -> str:
    """Return a layer; ``template`` is that of its JPEG tiles, ``limits`` those in each of its matrix sets."""
    links = "".join(
        f"<TileMatrixSetLink><TileMatrixSet>{one}</TileMatrixSet>{limits}</TileMatrixSetLink>" for one in sets
    )
    resource = f'<ResourceURL format="image/jpeg" resourceType="tile" template="{template}"/>' if template else ""
    pictures = "".join(f"<Format>{one}</Format>" for one in formats)
    identifier = f"<ows:Identifier>{name}</ows:Identifier>"
    return f"<Layer><ows:Title>Any</ows:Title>{identifier}{styles}{pictures}{more}{links}{resource}</Layer>"


def limits(*rows: tuple[str, int, int, int, int]) -> str:
    """Return limits: the name of a matrix, its first and last column, its first and last row."""
    texts = [
        f"<TileMatrixLimits><TileMatrix>{name}</TileMatrix><MinTileRow>{top}</MinTileRow><MaxTileRow>{bottom}"
        f"</MaxTileRow><MinTileCol>{left}</MinTileCol><MaxTileCol>{right}</MaxTileCol></TileMatrixLimits>"
        for name, left, right, top, bottom in rows
    ]
    return f"<TileMatrixSetLimits>{''.join(texts)}</TileMatrixSetLimits>"


def matrix_set(
    name: str = "webmercator",
    *,
    crs: str = "urn:ogc:def:crs:EPSG::3857",
    zooms: Iterable[int] = range(19),
    matrix: Callable[[int], str] | None = None,
    more: str = "",
) -> str:
    """Return a matrix set of the web maps, with the matrices that ``matrix`` writes: ``00``, ``01`` and so on."""
    matrices = "".join(map(matrix or web_matrix, zooms))
    described = f"<ows:Identifier>{name}</ows:Identifier><ows:SupportedCRS>{crs}</ows:SupportedCRS>"
    return f"<TileMatrixSet>{described}{more}{matrices}</TileMatrixSet>"


def web_matrix(
    zoom: int,
    *,
    name: str | None = None,
    scale: float | str | None = None,
    corner: str = "-20037508.3427892 20037508.3427892",
    size_px: int = 256,
    columns: int | str | None = None,
    rows: int | str | None = None,
) -> str:
    """Return the matrix of one zoom of the web maps, or one that differs from it."""
    if scale is None:
        scale = WORLD_SCALE / 2**zoom * 256 / (size_px or 1)
    return (
        f"<TileMatrix><ows:Identifier>{f'{zoom:02}' if name is None else name}</ows:Identifier>"
        f"<ScaleDenominator>{scale}</ScaleDenominator><TopLeftCorner>{corner}</TopLeftCorner>"
        f"<TileWidth>{size_px}</TileWidth><TileHeight>{size_px}</TileHeight>"
        f"<MatrixWidth>{2**zoom if columns is None else columns}</MatrixWidth>"
        f"<MatrixHeight>{2**zoom if rows is None else rows}</MatrixHeight></TileMatrix>"
    )


def arcgis(url: str) -> bytes:
    """Return what an ArcGIS Server announces of a cached map: two sets that cut alike, each zoom as far as it goes."""
    corner = "-2.0037508342787E7 2.0037508342787E7"

    def own(zoom: int) -> str:
        scale = f"{5.59082264028501 / 2**zoom:.15f}E8"
        return web_matrix(zoom, name=str(zoom), scale=scale, corner=corner, rows=max(1, 2**zoom // 2))

    def google(zoom: int) -> str:
        return web_matrix(zoom, name=str(zoom), scale=f"{5.590822640287178 / 2**zoom:.15f}E8", corner=corner)

    return document(
        "<!--Layer-->",
        layer(
            "Orthophoto_2024",
            styles='<Style isDefault="true"><ows:Title>Default Style</ows:Title>'
            "<ows:Identifier>default</ows:Identifier></Style>",
            formats=["image/jpgpng"],
            sets=["default028mm", "GoogleMapsCompatible"],
            more='<ows:WGS84BoundingBox crs="urn:ogc:def:crs:OGC:2:84"><ows:LowerCorner>9.5 46.4</ows:LowerCorner>'
            "<ows:UpperCorner>17.2 49.1</ows:UpperCorner></ows:WGS84BoundingBox>"
            '<ResourceURL format="image/jpgpng" resourceType="tile"'
            f' template="{url}/tile/1.0.0/Orthophoto_2024/{{Style}}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}'
            '/{TileCol}"/>',
        ),
        "<!--TileMatrixSet-->",
        matrix_set("default028mm", zooms=range(21), matrix=own),
        matrix_set(
            "GoogleMapsCompatible",
            crs="urn:ogc:def:crs:EPSG:6.18.3:3857",
            matrix=google,
            more="<WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible</WellKnownScaleSet>",
        ),
        kvp=f"{url}?",
    )


def geoserver(url: str) -> bytes:
    """Return what a GeoServer announces: a style without a name, matrices named with their set, limits for each."""
    zooms = range(8, 15)

    def name(zoom: int) -> str:
        return f"EPSG:900913:{zoom}"

    def google(zoom: int) -> str:
        scale = 5.590822639508929e8 / 2**zoom
        return web_matrix(zoom, name=name(zoom), scale=scale, corner="-2.003750834E7 2.0037508E7")

    def degrees(zoom: int) -> str:
        return web_matrix(
            zoom,
            name=f"EPSG:4326:{zoom}",
            scale=2.795411320143589e8 / 2**zoom,
            corner="90.0 -180.0",
            columns=2**zoom * 2,
        )

    boxes = [(name(zoom), 130 << zoom - 8, 131 << zoom - 8, 90 << zoom - 8, 91 << zoom - 8) for zoom in zooms]
    return document(
        layer(
            "topp:photo",
            styles='<Style isDefault="true"><ows:Identifier/></Style>',
            sets=["EPSG:4326", "EPSG:900913"],
            limits=limits(*boxes),
            template=f"{url}/rest/topp:photo/{{style}}/{{TileMatrixSet}}/{{TileMatrix}}/{{TileRow}}/{{TileCol}}"
            "?format=image/jpeg",
        ),
        matrix_set("EPSG:4326", crs="urn:ogc:def:crs:EPSG::4326", matrix=degrees),
        matrix_set("EPSG:900913", crs="urn:ogc:def:crs:EPSG::900913", zooms=range(19), matrix=google),
        kvp=f"{url}?",
    )
