"""A real nginx on the loopback that serves one tree of tiles in four ways, each on a port of its own."""

from __future__ import annotations

import contextlib
import getpass
import grp
import os
import re
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

DELAY_S = 0.05
RATE_PER_S, BURST = 500, 50
_START_S = 15.0
_LOOPBACK = "127.0.0.1"
_WHERE_DAEMONS_LIE = ("/usr/sbin", "/usr/local/sbin", "/sbin")

WAYS = {
    "raw": "",
    # echo_sleep is a timer of nginx's event loop: a thousand requests can sleep at once.
    "late": f"location / {{ echo_sleep {DELAY_S}; echo_exec @file; }} location @file {{ etag on; }}",
    "failing": "if ($unlucky) { return 503; }",
    "limited": f"limit_req zone=all burst={BURST} nodelay; limit_req_status 429;",
}
"""What each way adds to nginx's server block."""


class Answers(msgspec.Struct, frozen=True):
    """What a server was asked during a run, by its own access log."""

    requests: int
    statuses: dict[int, int]
    """How often each status was answered."""
    twice: int
    """How many tiles were answered with a 200 more than once."""


class Server(msgspec.Struct, frozen=True):
    """A running nginx."""

    ports: dict[str, int]
    log: Path
    pid: int
    version: str

    def base(self, way: str) -> str:
        """Return the URL below which the tiles lie."""
        return f"http://{_LOOPBACK}:{self.ports[way]}"

    @contextlib.contextmanager
    def counting(self) -> Iterator[list[Answers]]:
        """Give a list that has what was asked meanwhile once this ends."""
        begin = self.log.stat().st_size
        answers: list[Answers] = []
        yield answers
        with self.log.open("rb") as log:
            log.seek(begin)
            lines = [line.split() for line in log.read().splitlines()]
        statuses = Counter(int(status) for status, _ in lines)
        given = Counter(path for status, path in lines if status == b"200")
        answers.append(Answers(len(lines), dict(statuses), sum(count > 1 for count in given.values())))


@contextlib.contextmanager
def running(folder: Path, root: Path) -> Iterator[Server]:
    """Run nginx with its own files in ``folder``, serving the tiles below ``root``."""
    binary = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), *_WHERE_DAEMONS_LIE]))
    if binary is None:
        raise SystemExit("nginx is not installed: run benchmarks/install-peers")
    told = subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stderr
    folder.mkdir(parents=True)
    ports = dict(zip(WAYS, _free_ports(len(WAYS)), strict=True))
    config, log = folder / "nginx.conf", folder / "access.log"
    config.write_text(_config(folder, root, ports, module=_echo_module(told)))
    # -e: without it nginx first tries to write to the log that was compiled in.
    process = subprocess.Popen([binary, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)])
    try:
        _wait_for(process, ports["raw"])
        version = re.search(r"nginx/(\S+)", told)
        yield Server(ports, log, process.pid, version[1] if version else "")
    finally:
        process.terminate()
        process.wait(_START_S)


def _config(folder: Path, root: Path, ports: dict[str, int], *, module: Path) -> str:
    # As root its workers would become another user, who can't enter a temporary folder.
    user = f"user {getpass.getuser()} {grp.getgrgid(os.getegid()).gr_name};" if os.geteuid() == 0 else ""
    servers = "\n".join(
        f"server {{ listen {_LOOPBACK}:{ports[way]}; root {root}; {lines} }}" for way, lines in WAYS.items()
    )
    return f"""
load_module {module};
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  types {{ image/jpeg jpg; }}
  log_format asked '$status $uri';
  access_log {folder}/access.log asked;
  sendfile on;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  split_clients $request_id $unlucky {{ 1% 1; * ""; }}
  limit_req_zone $server_addr zone=all:1m rate={RATE_PER_S}r/s;
  limit_req_log_level info;
  {servers}
}}
"""


def _echo_module(told: str) -> Path:
    """Return where the module lies that lets nginx wait: it is found where nginx says its modules are."""
    folder = re.search(r"--modules-path=(\S+)", told)
    module = Path(folder[1] if folder else "/usr/lib/nginx/modules") / "ngx_http_echo_module.so"
    if not module.is_file():
        raise SystemExit("nginx's echo module is not installed: run benchmarks/install-peers")
    return module


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((_LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline_s = time.monotonic() + _START_S
    while True:
        try:
            socket.create_connection((_LOOPBACK, port), timeout=1.0).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise SystemExit("nginx did not start; see its own words above") from None
            time.sleep(0.02)
        else:
            return
