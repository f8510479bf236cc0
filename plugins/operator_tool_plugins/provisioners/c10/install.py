"""The agent on the companion: its Python is asked first, then the file is put there, whole and checked, and linked."""

from __future__ import annotations

import functools
import hashlib
import posixpath
import secrets
from collections import deque
from pathlib import Path

import msgspec

from operator_tool.api import CompanionError, CompanionSession, LinkError, LinkStalledError, NotReadyError, RunLimits

from .agent.machine import NOTE
from .bundle import agent_bundle
from .escaping import printable
from .gated import check_refused
from .login import LAST_LINES, MAX_NOISE_LINES, check_runs_commands, last_words, login_error
from .place import Place
from .report import NOT_STARTED
from .settings import C10Settings

STABLE_NAME = "c10-agent.pyz"
"""The link beside the agent's file that forced commands name; it is replaced by rename."""
_OLDEST, _TOO_NEW = (3, 8), (4, 0)
_LIMITS = RunLimits(silence_s=60.0, run_s=120.0, total_bytes=4 * 1024 * 1024)
_INSTALL_HINT = "Check that the companion's Python is 3.8 or newer, and that c10.agent_dir can be written."
_PLACE_HINT = "Put right what is named above. This login, and no other account, must be able to write to c10.agent_dir."


# For any Python there is, 2 as well. Arguments: the word; where the companion's id is noted; how the SHA-256 begins of
# what tells a machine, which comes over standard input. The answer begins on a line of its own, after a word that no
# noise can know. Its last word is the companion's id as the agent tells it, before there is an agent.
_ASK = r"""
import hashlib, json, os, re, sys
word, note, wanted = sys.argv[1:]
text, who = getattr(sys.stdin, "buffer", sys.stdin).read(), "-"
if sys.version_info >= (3, 8) and hashlib.sha256(text).hexdigest()[:32] == wanted:
    machine = {"__name__": "machine"}
    exec(compile(text, "machine", "exec"), machine)
    root = os.path.realpath(os.path.expanduser(os.path.dirname(os.path.dirname(note))))
    facts, noted = machine["machine_facts"](), {}
    who = machine["proposed_id"](facts, root)
    try:
        with open(os.path.join(root, machine["NOTE"]), "rb") as file:
            noted = json.loads(file.read(65536).decode("utf-8"))
        if re.match("[0-9a-f]{32}\\Z", noted["companion_id"]) and not machine["is_another"](noted, facts):
            who = noted["companion_id"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
sys.stdout.write("\n%s %d.%d.%d %s %s\n" % ((word,) + tuple(sys.version_info[:3]) + (os.uname()[4], who)))
"""

# Arguments: the word, folder, name, SHA-256, link. Nothing gets the name but a file that has arrived, reached the disk
# and been read back. The link's folder is the file's.
_PUT = r"""
import errno, hashlib, os, stat, sys, tempfile
os.umask(0o022)
word, folder, name, wanted, link = sys.argv[1:]
path, at = os.path.join(folder, name), os.path.join(folder, link)
doing = "hold the agent's folder"

def volume():
    there = os.path.realpath(folder)
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    found = "", "its file system"
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            for line in table:
                words = line.decode("utf-8", "replace").split(" ")
                point = words[4].replace("\\040", " ")
                if (there + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(found[0]):
                    found = point, words[words.index("-", 6) + 1] + " at " + point
    except (OSError, ValueError, IndexError):
        pass
    return "the volume at %s (%s)" % (there, found[1])

def told(error):
    if error.errno in (errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EIO):
        return str(error)
    return "%s can't %s, which the agent needs: %s; format it as ext4 or f2fs, or choose another %s" % (
        volume(), doing, error.strerror, "c10.agent_dir (by default it lies in c10.cache_root)")

def check_closed():
    found = os.stat(folder)
    if found.st_mode & stat.S_IWOTH:
        sys.exit("every account may write to the agent's folder %s (mode %04o): chmod go-w it" % (
            folder, stat.S_IMODE(found.st_mode)))

def sync_folder():
    global doing
    doing = "sync a folder"
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(fd)
    os.close(fd)

def is_whole(path):
    try:
        with open(path, "rb") as file:
            return stat.S_ISREG(os.lstat(path).st_mode) and hashlib.sha256(file.read()).hexdigest() == wanted
    except OSError:
        return False

def put(data):
    fd, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(fd, 0o644)
            os.fsync(fd)
        if not is_whole(temporary):
            sys.exit("the agent's file is not what was sent")
        os.replace(temporary, path)
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    sync_folder()

def point():
    global doing
    doing = "hold symbolic links"
    temporary = tempfile.mktemp(prefix=".new-", dir=folder)
    os.symlink(name, temporary)
    doing = "rename a link over another"
    os.replace(temporary, at)
    sync_folder()

try:
    os.makedirs(folder, exist_ok=True)
    check_closed()
    data = sys.stdin.buffer.read()
    done = "kept"
    if not is_whole(path):
        put(data)
        done = "written"
    if not os.path.islink(at) or os.readlink(at) != name:
        point()
        done = "written"
except OSError as error:
    sys.exit(told(error))
sys.stdout.write("\n%s %s\n" % (word, done))
"""


class Interpreter(msgspec.Struct, frozen=True):
    """The companion's Python, and the machine that it runs on."""

    version: str
    machine: str
    companion_id: str


def install_agent(session: CompanionSession, place: Place, settings: C10Settings) -> Interpreter:
    """Put the agent there where it isn't, with the link to it; return what its Python said of itself.

    Raises ``NotReadyError`` for a Python that can't run it or a folder that can't be written, ``CompanionError`` for
    another companion than the configured one; then nothing was written.
    """
    interpreter = _ask(session, place)
    _check_version(interpreter, place)
    check_identity(interpreter.companion_id, settings)
    bundle = agent_bundle()
    folder = place.agent.rpartition("/")[0] or "."
    argv = (place.python, "-I", "-S", "-B", "-c", _PUT)
    answer = _answer(session, argv, (folder, bundle.name, bundle.sha256, STABLE_NAME), bundle.data)
    if answer.words not in (["kept"], ["written"]):
        reason = answer.seen or f"its program ended with {answer.exit_status} and did not say why"
        raise NotReadyError((f"the agent can't be put there: {printable(reason)}",), hint=_PLACE_HINT)
    return interpreter


def check_identity(companion_id: str, settings: C10Settings) -> None:
    """Raise ``CompanionError`` where this is another companion than the one that is configured."""
    if settings.companion_id and companion_id != settings.companion_id:
        raise CompanionError(
            f"this is the companion {printable(companion_id, at_most=64) or 'without an id'}, and c10.companion_id says"
            f" {settings.companion_id}",
            hint="Another drone may have this address. Check which one is connected, or mend the setting.",
        )


class _Answer(msgspec.Struct, frozen=True):
    words: list[str]
    """What followed the word; empty where it never came."""
    exit_status: int | None
    seen: str
    """The last lines of both streams beside it, harmless to print."""


@functools.cache
def _what_tells_a_machine() -> bytes:
    return (Path(__file__).parent / "agent" / "machine.py").read_bytes()


def _ask(session: CompanionSession, place: Place) -> Interpreter:
    text = _what_tells_a_machine()
    more = (posixpath.join(place.root, NOTE), hashlib.sha256(text).hexdigest()[:32])
    answer = _answer(session, (place.python, "-c", _ASK), more, text)
    if not answer.words and answer.exit_status is not None:
        check_runs_commands(session, answer.exit_status, answer.seen)
    if answer.exit_status in NOT_STARTED and not answer.words:
        raise CompanionError(
            f"the companion's Python {place.python} is not installed or not executable (exit {answer.exit_status})",
            hint="Install python3 on the companion, or name it with -o c10.python=PATH.",
        )
    if len(answer.words) != 3:
        seen = answer.seen or "it said nothing that answers"
        raise CompanionError(
            f"{place.python} on the companion does not run as a Python does (exit {answer.exit_status}): {seen}",
            hint=_INSTALL_HINT,
        )
    version, machine, companion_id = (printable(word, at_most=64) for word in answer.words)
    return Interpreter(version, machine, companion_id)


def _check_version(interpreter: Interpreter, place: Place) -> None:
    numbers = tuple(int(number) for number in interpreter.version.split(".") if number.isdecimal())
    if not _OLDEST <= numbers < _TOO_NEW:
        raise NotReadyError(
            (f"the companion's {place.python} is Python {interpreter.version}; the agent needs 3.8 or newer, below 4",),
            hint="Install such a Python on the companion, or name it with -o c10.python=PATH.",
        )


def _answer(session: CompanionSession, argv: tuple[str, ...], more: tuple[str, ...], data: bytes = b"") -> _Answer:
    """Run a program that prints a word of ours before its answer; what a login prints before that is passed over."""
    word = secrets.token_hex(16)
    words: list[str] = []
    noise: deque[bytes] = deque(maxlen=LAST_LINES)
    with session.run([*argv, word, *more], stdin=(data,) if data else (), limits=_LIMITS) as run:
        try:
            for number, line in enumerate(run):
                if number > MAX_NOISE_LINES:
                    raise LinkError(f"the first {MAX_NOISE_LINES} lines were not the program's", retryable=False)
                first, *rest = line.decode("utf-8", "replace").split() or [""]
                if first == word:
                    words = rest
                else:
                    noise.append(line)
        except LinkStalledError as error:
            if (seen := last_words(noise, run.stderr_tail)) and not words:
                raise login_error(session, f" ({error.message})", seen, retryable=True) from error
            raise
        check_refused(run.stderr_tail, f"{argv[0]} can't be run on the companion")
        return _Answer(words, run.exit_status, last_words(noise, run.stderr_tail))
