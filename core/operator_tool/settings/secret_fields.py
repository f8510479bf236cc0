"""The secret fields of one plugin: where each is taken from, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from operator_tool.api import ConfigError, Secret
from operator_tool.redaction import Redactor
from operator_tool.redaction.forms import MIN_SECRET_LENGTH
from operator_tool.secrets import ask_keyring, checked_secret, read_secret_file, run_secret_command

from .given import Given, Layer, converted

SECRET_SUFFIXES = ("_file", "_command", "_keyring")


class SecretFields:
    """Resolves the secrets of one plugin from its layers; the stronger layer wins, then value, file, command.

    The keyring comes last, and is asked only for a secret that is needed or for which ``KEY_keyring = true`` is set.
    ``notices`` and ``variables`` are the caller's, and grow.
    """

    def __init__(
        self,
        plugin: str,
        layers: Sequence[Layer],
        *,
        config_dir: Path,
        env: Mapping[str, str],
        redactor: Redactor,
        notices: list[str],
        variables: set[str],
    ) -> None:
        self._plugin = plugin
        self._layers = layers
        self._config_dir = config_dir
        self._env = env
        self._redactor = redactor
        self._notices = notices
        self._variables = variables

    def refuse_plain(self, key: str, given: Given, layer: Layer) -> None:
        """Refuse a secret that stands in the configuration file itself; it is known to the redactor all the same."""
        if layer.kind != "file":
            return
        if isinstance(given.value, str) and len(given.value) >= MIN_SECRET_LENGTH:
            self._redactor.add(Secret(given.value))
        raise ConfigError(
            f"{given.where}: {self._plugin}.{key} is a secret, and a secret does not stand in the configuration",
            hint=f'Put it into a file of mode 0600 and write {key}_file = "PATH", or use {key}_command or the keyring.',
        )

    def resolve(self, key: str, *, required: bool) -> Secret | None:
        """Return the secret, or none where nothing gives it; raises :class:`ConfigError` where what gives it fails."""
        for layer in reversed(self._layers):
            for suffix in ("", "_file", "_command"):
                given = layer.values.get(key + suffix)
                if given is not None:
                    what = f"{given.where}: {self._plugin}.{key}{suffix}"
                    return checked_secret(self._text(key, suffix, given, layer, what), what, self._redactor)
        wanted = [layer.values[f"{key}_keyring"] for layer in self._layers if f"{key}_keyring" in layer.values]
        name = f"{self._plugin}.{key}"
        if converted(wanted[-1], f"{name}_keyring", bool, self._redactor) if wanted else required:
            text, why_not = ask_keyring(name)
            if text is not None:
                return checked_secret(text, f"{name} from the keyring", self._redactor)
            if why_not is not None:
                self._tell(f"{name}: {why_not}")
        return None

    def _text(self, key: str, suffix: str, given: Given, layer: Layer, what: str) -> str:
        if suffix == "_file":
            path = converted(given, f"{self._plugin}.{key}_file", Path, self._redactor)
            return read_secret_file(self._config_dir / path if layer.kind == "file" else path, what)
        if suffix == "_command":
            command = converted(given, f"{self._plugin}.{key}_command", str | list[str], self._redactor)
            return run_secret_command(command, what, redactor=self._redactor, env=self._child_env())
        if layer.kind == "environment":
            self._variables.add(given.where)
        else:
            self._tell(
                f"{given.where}: the process list of this machine shows this secret while the command runs; "
                f"better set it in the environment, or use {key}_file, {key}_command or the keyring"
            )
        return str(given.value)

    def _tell(self, notice: str) -> None:
        if notice not in self._notices:
            self._notices.append(notice)

    def _child_env(self) -> dict[str, str]:
        return {variable: value for variable, value in self._env.items() if variable not in self._variables}
