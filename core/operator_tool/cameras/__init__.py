"""The cameras that zooms are told from: common ones that come with the tool, and those of the configuration file."""

from .catalogue import KnownCamera, all_cameras, builtin_cameras, find_camera

__all__ = ["KnownCamera", "all_cameras", "builtin_cameras", "find_camera"]
