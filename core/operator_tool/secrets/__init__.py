"""Where secrets come from: a file of one's own, a command, the keyring. None of them ever becomes part of a message."""

from .checked import checked_secret
from .from_command import run_secret_command
from .from_file import read_secret_file
from .from_keyring import KEYRING_SERVICE, ask_keyring

__all__ = ["KEYRING_SERVICE", "ask_keyring", "checked_secret", "read_secret_file", "run_secret_command"]
