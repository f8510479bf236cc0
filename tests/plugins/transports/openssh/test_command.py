"""The command lines that ssh is started with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operator_tool_plugins.transports.openssh import OpensshSettings
from operator_tool_plugins.transports.openssh.command import environment, master_argv, offer_argv, resolve_argv
from tests.support.real_parts import require


def settings(**given: Any) -> OpensshSettings:
    """Return settings that reach nothing."""
    return msgspec.convert({"host": "drone", **given}, OpensshSettings)


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "a b", "user@drone", "ssh://drone", ""])
def test_a_name_that_ssh_would_take_for_something_else(host: str) -> None:
    """It is refused before ssh sees it."""
    with pytest.raises(msgspec.ValidationError):
        settings(host=host)


def test_a_user_that_ssh_would_take_for_an_option() -> None:
    """The same for the account."""
    with pytest.raises(msgspec.ValidationError):
        settings(user="-oProxyCommand=x")


def test_the_host_is_the_last_word_and_no_option() -> None:
    """Whatever comes before it."""
    for argv in (
        master_argv(settings(), Path("/known"), Path("/control")),
        offer_argv(settings(), Path("/known"), []),
        resolve_argv(settings()),
    ):
        assert argv[-2:] == ["--", "drone"]


@pytest.mark.real_parts
def test_ssh_does_what_is_insisted_on(tmp_path: Path) -> None:
    """It knows every option, and none of the operator's configuration, which wants the opposite, stands against it."""
    require("ssh")
    wanted = {
        "batchmode": "yes",
        "updatehostkeys": "false",
        "stricthostkeychecking": "true",
        "permitlocalcommand": "no",
        "controlpersist": "no",
        "forwardagent": "no",
        "forwardx11": "no",
        "forkafterauthentication": "no",
        "stdinnull": "no",
        "checkhostip": "no",
        "verifyhostkeydns": "false",
        "compression": "no",
        "fingerprinthash": "SHA256",
        "requesttty": "false",
        "connectionattempts": "1",
        "numberofpasswordprompts": "0",
        "loglevel": "DEBUG2",
        "globalknownhostsfile": "/dev/null",
        "userknownhostsfile": "/a known",
        "escapechar": "none",
    }
    opposite = "UpdateHostKeys yes\nStrictHostKeyChecking no\nPermitLocalCommand yes\nControlPersist 9\nBatchMode no\n"
    opposite += "ForwardAgent yes\nForwardX11 yes\nForkAfterAuthentication yes\nStdinNull yes\nCheckHostIP yes\n"
    opposite += "VerifyHostKeyDNS yes\nCompression yes\nFingerprintHash md5\nRequestTTY force\nLogLevel QUIET\n"
    opposite += "ConnectionAttempts 9\nNumberOfPasswordPrompts 9\nUserKnownHostsFile /b\nGlobalKnownHostsFile /b\n"
    opposite += "EscapeChar ~\nRemoteCommand x\nHostKeyAlgorithms ssh-rsa\nKexAlgorithms diffie-hellman-group14-sha1\n"
    (tmp_path / "config").write_text(opposite + "PubkeyAcceptedAlgorithms ssh-rsa\n")
    given = settings(config_file=str(tmp_path / "config"))
    for argv, differs in (
        (master_argv(given, Path("/a known"), Path("/a control")), {}),
        (offer_argv(given, Path("/a known"), ["ssh-rsa"]), {"stricthostkeychecking": "accept-new"}),
    ):
        ended = subprocess.run([argv[0], "-G", *argv[1:]], capture_output=True, text=True, check=True, timeout=60)
        does = dict(line.partition(" ")[::2] for line in ended.stdout.splitlines())
        assert ended.stderr == ""
        assert {name: does[name] for name in wanted} == {**wanted, **differs}
        assert "remotecommand" not in does
        assert "cert" not in does["hostkeyalgorithms"]
        for name in ("hostkeyalgorithms", "pubkeyacceptedalgorithms", "kexalgorithms"):
            assert not {"ssh-rsa", "ssh-dss", "diffie-hellman-group14-sha1"} & set(does[name].split(","))


@pytest.mark.parametrize(
    ("types", "first"),
    [
        ([], ["ssh-ed25519"]),
        (["ecdsa-sha2-nistp384"], ["ecdsa-sha2-nistp384", "ssh-ed25519"]),
        (["ssh-rsa"], ["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]),
        (["ssh-unheard-of"], ["ssh-ed25519"]),
    ],
)
def test_a_key_of_the_pinned_type_is_asked_for(types: list[str], first: list[str]) -> None:
    """Else a server with several keys would seem to have changed its key."""
    argv = offer_argv(settings(), Path("/known"), types)
    (given,) = (word for word in argv if word.startswith("HostKeyAlgorithms="))
    assert given.partition("=")[2].split(",")[: len(first)] == first


def test_a_key_file_alone(tmp_path: Path) -> None:
    """With a key named no other of the agent is offered, and without the agent none of it at all."""
    argv = master_argv(settings(key_file=str(tmp_path / "key"), use_agent=False), Path("/known"), Path("/control"))
    assert {"IdentitiesOnly=yes", "IdentityAgent=none", f'IdentityFile="{tmp_path}/key"'} <= set(argv)
    plain = master_argv(settings(), Path("/known"), Path("/control"))
    assert not [word for word in plain if word.startswith("Identit")]


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of our settings, nothing that asks, messages that can be read; all else stays."""
    monkeypatch.setenv("OPERATOR_TOOL_SATELLITE__KEY", "a secret")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/agent")
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    given = environment()
    assert not [name for name in given if name.startswith("OPERATOR_TOOL_")]
    assert (given["SSH_AUTH_SOCK"], given["SSH_ASKPASS_REQUIRE"], given["LC_ALL"]) == ("/agent", "never", "C")
