"""`govlake ui`: Dagster's web page and daemon for one home, on this machine alone.

Belongs here: starting both and ending both. Not here: what they show (`pipelines.definitions`).
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import FrameType

from assets.specs import SITE_VARIABLE
from pipelines.commands import screen
from pipelines.commands.outcome import CommandFailed, Exit
from pipelines.commands.site_server import serving
from pipelines.home import HOME_VARIABLE, district_folder, open_home

ADDRESS = "127.0.0.1"


def ui(home: Path | None, district: str | None, port: int) -> Exit:
    """Serve until Ctrl-C or SIGTERM; then end everything that was started."""
    opened = open_home(home)
    folder = district_folder(opened, district)
    if importlib.util.find_spec("dagster_webserver") is None:
        raise CommandFailed("the Dagster web server is not installed", "install govlake with its dependencies")
    if taken(port):
        raise CommandFailed(f"port {port} on {ADDRESS} is in use", "choose another: govlake ui --port 3001")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(opened.path),
        HOME_VARIABLE: str(opened.path),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONWARNINGS": "ignore",
    }
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-m",
        "pipelines.definitions",
        "-h",
        ADDRESS,
        "-p",
        str(port),
        "--log-level",
        "warning",
    ]
    screen.say(f"Dagster: http://{ADDRESS}:{port}   home 工作目录 {opened.path} · district 区域 {folder.name}")
    with serving(opened.releases) as site:
        screen.say(f"site 数据站点: {site}")
        screen.note("starting takes about ten seconds; Ctrl-C ends it / 启动约需十秒，Ctrl-C 结束")
        # Not the home itself: Python would take its folder `addressing` for the package of that name.
        return _serve(command, environment | {SITE_VARIABLE: site}, opened.temporary)


def taken(port: int) -> bool:
    """Whether something listens on the port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return True
    return False


def _serve(command: list[str], environment: dict[str, str], folder: Path) -> Exit:
    """Run in a session of its own, so that one signal reaches the server, the daemon and the code servers alike."""
    child = subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True)

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, stop)
    try:
        code = child.wait()
        if code:
            raise CommandFailed(f"Dagster ended with code {code}", "its messages above say why")
        return Exit.DONE
    except KeyboardInterrupt:
        screen.note("stopping / 正在结束")
        return Exit.DONE
    finally:
        signal.signal(signal.SIGTERM, former)
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole group: a polite signal, and after 15 s the hard one."""
    for sign, patience in ((signal.SIGINT, 15), (signal.SIGKILL, 5)):
        try:
            os.killpg(child.pid, sign)
        except ProcessLookupError:
            return
        try:
            child.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
        if not _alive(child.pid, patience):
            return


def _alive(group: int, patience: float) -> bool:
    """Whether any process of the group is left after at most `patience` seconds."""
    import time

    until = time.monotonic() + patience
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.1)
    return True
