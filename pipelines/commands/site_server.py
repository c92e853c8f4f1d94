"""Serves the current release's site beside Dagster, on this machine alone: a browser follows no link from Dagster's page to a file.

Belongs here: one small read-only file server over the internal site. Not here: making the site (`publishing.site`); it needs no server.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from assets.site import FOLDER
from warehouse import release

ADDRESS = "127.0.0.1"


class _Handler(SimpleHTTPRequestHandler):
    """Files of the site of the release that is current at the moment of the request."""

    releases: Path

    def translate_path(self, path: str) -> str:
        folder = release.current(self.releases)
        self.directory = str(folder / "internal" / FOLDER) if folder else str(self.releases / "no-release")
        return super().translate_path(path)

    def list_directory(self, path: Any) -> None:
        self.send_error(404)

    def end_headers(self) -> None:
        # After a switch the same address shows another release.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: who reads which page is nobody's business."""


@contextmanager
def serving(releases: Path) -> Iterator[str]:
    """Serve on a free port while the block runs; gives the site's address."""
    handler = type("Handler", (_Handler,), {"releases": releases})
    server = ThreadingHTTPServer((ADDRESS, 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{ADDRESS}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
