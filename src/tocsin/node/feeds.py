"""Feeds out of the configuration."""

from __future__ import annotations

from tocsin.core import LIVE, Clock
from tocsin.core.labels import originate
from tocsin.sources import Feed, Poll, Sbs

from .config import Config, FeedConfig
from .errors import BadConfig


def make_feed(feed: FeedConfig, config: Config, clock: Clock) -> Feed:
    """The live connector that `feed` describes; raises `BadConfig` or `BadLabel`."""
    communities, terms = feed.communities, feed.terms
    label = originate(config.policy, feed.classification, config.id, feed.releasable_to, feed.caveats, communities=communities, terms=terms)
    if feed.kind == "readsb":
        return Poll(feed.name, feed.at, realm=LIVE, label=label, clock=clock, interval_s=feed.interval_s)
    host, _, port = feed.at.rpartition(":")
    if not host or not port.isdigit():
        raise BadConfig(f"feed {feed.name}: `at` of an sbs feed is host:port, as 127.0.0.1:30003")
    return Sbs(feed.name, host, int(port), realm=LIVE, label=label, clock=clock)
