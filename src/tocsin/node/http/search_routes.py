"""Search and metrics: two more ways out, and as much each reader's own as a page is."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import MediaType, Response, get
from litestar.params import QueryParameter

from tocsin.core import realms
from tocsin.node import metrics as figures

from .given import OfRealm, TheNode, TheReader, TheScreens

Json = dict[str, Any]


@get("/search", sync_to_thread=False)
def search(
    reader: TheReader,
    screens: TheScreens,
    realm: OfRealm,
    q: Annotated[str, QueryParameter(max_length=1000)] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
) -> Json:
    """Texts that hold every word, out of those that this reader may read."""
    return screens.search(reader, realms.parse(realm), q, limit)


@get("/metrics", sync_to_thread=False, media_type=MediaType.TEXT)
def metrics(reader: TheReader, node: TheNode) -> Response[str]:
    """Prometheus text: this reader's own numbers, and the node's for those who may read all that it may."""
    return Response(
        figures.text(node, reader), media_type=MediaType.TEXT, headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"}
    )
