"""Whether what a provider gave is a picture of the ground, told from its bytes alone.

The core checks every picture itself, whoever brought it, in three steps of rising cost:

1. :func:`check_picture`, for every tile: a jpg, png or webp picture, whole to its last byte, of the size that the
   provider declared. Only headers are read, nothing is decoded, so a picture that claims 50,000 x 50,000 pixels costs
   no memory.
2. :func:`is_one_colour`, which decodes the very short ones: a blank tile says that there is no imagery.
3. :class:`Repeats`, over the whole download: the same bytes on many distant tiles say "no imagery here" in words that
   nobody can read but a person.

What fails the first is corrupt, what the other two find is a placeholder; both are gaps, and neither becomes imagery.
"""

from .bad_picture import BadPictureError
from .header import check_picture
from .one_colour import is_one_colour
from .repeats import Repeats

__all__ = ["BadPictureError", "Repeats", "check_picture", "is_one_colour"]
