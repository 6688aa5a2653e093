"""Back-test reports that this node keeps: the list, and each as the page that it is, shut off from everything else."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from litestar import Controller, MediaType, Response, get

from tocsin.node.reports import Backtests, style_of

from .given import ById, TheNode, TheReader

Json = dict[str, Any]
POLICY = "sandbox; default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class BacktestController(Controller):
    """How topics would have done."""

    path = "/backtests"

    @get("/", sync_to_thread=True)
    def every(self, reader: TheReader, node: TheNode) -> list[Json]:
        """Reports that this reader may read, the newest first."""
        return Backtests(node).every(reader)

    @get("/{name:str}", sync_to_thread=True)
    def page(self, reader: TheReader, node: TheNode, name: ById) -> Response[str]:
        """One report as HTML, in a sandbox: no script, no form, nothing fetched; its own style sheet by its digest."""
        page = Backtests(node).page(reader, name)
        digest = base64.b64encode(hashlib.sha256(style_of(page).encode()).digest()).decode("ascii")
        return Response(page, media_type=MediaType.HTML, headers={"content-security-policy": f"{POLICY}; style-src 'sha256-{digest}'"})
