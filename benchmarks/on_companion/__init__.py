"""What the agent does with a stream of tiles, without any link: the companion's own share of a build."""

from .section import section

__all__ = ["section"]
