"""Which key signs: what the setting names, a file or one that an ssh-agent holds."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from operator_tool.api import ConfigError, RunContext

from . import SETTING, Signer
from .key_file import FileSigner
from .ssh_agent import AgentSigner, SshAgent
from .sshsig import fingerprint_of, raw_key

_AGENT = "agent:"
_MAX_PUBLIC_BYTES = 16 * 1024


def signer_for(named: str, context: RunContext, what: str = SETTING) -> Signer:
    """Return the signer that ``named`` is: ``agent:`` and a comment or fingerprint, a ``.pub`` file, or a key file.

    ``what`` names the setting in an error. Nobody is asked yet. Raises ``ConfigError``.
    """
    agent = SshAgent(context)
    if named.startswith(_AGENT):
        return _held(agent, named.removeprefix(_AGENT), what)
    path = Path(named).expanduser()
    if path.suffix == ".pub":
        return AgentSigner(agent, _public_key(path, what), what)
    return FileSigner(path, agent, context, what)


def _held(agent: SshAgent, name: str, what: str) -> AgentSigner:
    """Return the one key of the agent's that has this comment or fingerprint."""
    keys = agent.identities(what)
    wanted = name.rstrip("=") if name.startswith("SHA256:") else name
    found = [key for key, comment in keys if wanted in (fingerprint_of(key), comment)]
    if len(found) != 1:
        held = ", ".join(f"{fingerprint_of(key)} {comment!r}" for key, comment in keys) or "none"
        raise ConfigError(
            f"{what}: the ssh-agent holds {'several keys' if found else 'no key'} {name!r}; it holds {held}",
            hint="Give the fingerprint: agent:SHA256:..." if found else "Add the key with ssh-add.",
        )
    return AgentSigner(agent, found[0], what)


def _public_key(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            words = file.read(_MAX_PUBLIC_BYTES).split()
        key = base64.b64decode(words[1], validate=True)
        raw_key(key)
    except OSError as error:
        raise ConfigError(f"{what}: {path} can't be read: {error.strerror}") from None
    except (IndexError, binascii.Error):
        raise ConfigError(f"{what}: {path} is not a public key as ssh-keygen writes it") from None
    except ValueError as error:
        raise ConfigError(f"{what}: {path} is not an Ed25519 key: {error}") from None
    return key
