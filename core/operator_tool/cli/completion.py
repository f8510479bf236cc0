"""Shell completion: what click asks at each TAB. It ends here, silent, whatever goes wrong."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import click
from click.shell_completion import BashComplete, ZshComplete, add_completion_class, get_completion_class, shell_complete

_PROGRAM = "operator-tool"


class _Bash(BashComplete):
    """Click's, but that the cursor stays behind ``PLUGIN.KEY=`` and ``PLUGIN.``: a value or a key comes next."""

    source_template = BashComplete.source_template.replace(
        "    return 0\n",
        "    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace\n    return 0\n",
    )


class _Zsh(ZshComplete):
    """The same for zsh."""

    source_template = ZshComplete.source_template.replace(
        "        compadd -U -V unsorted -a completions\n",
        '        if [[ "$completions[1]" == *[=.] ]]; then\n'
        '            compadd -U -S "" -V unsorted -a completions\n'
        "        else\n"
        "            compadd -U -V unsorted -a completions\n"
        "        fi\n",
    )


def complete(group: click.Group, variable: str, instruction: str) -> int:
    """Answer one question of a shell and return the exit code: 1 for a question that is none, of which it says so.

    At a TAB nothing is ever written to standard error, which the shell would show amid the line that is typed.
    """
    add_completion_class(_Bash)
    add_completion_class(_Zsh)
    shell, _, wanted = instruction.partition("_")
    if get_completion_class(shell) is None or wanted not in ("source", "complete"):
        click.echo(f"error: {variable} is not such as bash_source, zsh_source or fish_source", err=True)
        return 1
    try:
        with redirect_stderr(io.StringIO()):
            return shell_complete(group, {}, _PROGRAM, variable, instruction)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - no completion is the answer; a traceback would tear the line
        return 0 if wanted == "complete" else 1
