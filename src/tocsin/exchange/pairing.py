"""The pairing test: one step after another along the way to a partner and back, and at the first that fails, whose side it is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import seal, wire, words
from .card import FINGERPRINT_BYTES
from .errors import Barred, NoStream, RelayFull, RelayUnreachable
from .incoming import SKEW
from .model import HERE, RELAY, THERE, Step

if TYPE_CHECKING:
    from tocsin.core.times import Micros

    from .context import Context
    from .incoming import Inbox
    from .model import Partner
    from .trust import Trial, Trust

ANSWER_S = 10.0


def unknown(partner: str) -> Step:
    """The step at which a test ends for a name that is not pinned."""
    return Step("card pinned here", False, HERE, f"no card is pinned here for {partner[:40]!r}: `tocsin partner add` it")


async def test(context: Context, trust: Trust, partner: Partner, inbox: Inbox | None) -> list[Step]:
    """Every step up to the first that fails; all of them well where sharing works both ways."""
    name = partner.id
    steps = [Step("card pinned here", True, HERE, partner.card.fingerprint())]
    steps += await context.transport.diagnose()
    if not steps[-1].well:
        return steps
    if not context.transport.has_stream(name):
        return [*steps, Step("inbox", False, RELAY, f"the relay has no stream from {name} to this node: is {name} a member there?")]
    steps.append(Step("inbox", True, RELAY, f"the stream from {name} is there"))
    trial = trust.begin(partner)
    try:
        steps.append(await _ask(context, trial, inbox))
        if not steps[-1].well:
            return steps
        steps += _heard(context, name, inbox, trial)
        if not steps[-1].well:
            return steps
        return steps + _answered(context, trust, partner, trial)
    finally:
        trust.trials.pop(trial.ping.nonce, None)


async def _ask(context: Context, trial: Trial, inbox: Inbox | None) -> Step:
    name = trial.partner
    message = seal.make_control(context.keys, name, trial.ping, context.stamp())
    try:
        await context.send(name, wire.NO_TAG, wire.CONTROL, message)
    except NoStream:
        return Step("their inbox", False, RELAY, f"the relay has no stream from this node to {name}: is {name} a member there?")
    except RelayFull:
        return Step("their inbox", False, THERE, f"{name} does not fetch what is left for it: its stream is full")
    except Barred:
        return Step("their inbox", False, THERE, f"{name} has not yet confirmed this node's new keys: is its node up?")
    except RelayUnreachable as error:
        return Step("their inbox", False, RELAY, f"the relay did not store a message for {name}: {error}")
    async with asyncio.timeout(ANSWER_S + 5):
        for _ in range(int(ANSWER_S / 0.05)):
            if trial.pong is not None or _refused_since(context, name, inbox, trial.began):
                break
            await asyncio.sleep(0.05)
    return Step("their inbox", True, RELAY, f"the relay keeps messages for {name}")


def _refused_since(context: Context, name: str, inbox: Inbox | None, began: Micros) -> bool:
    # Whatever it says is refused for what it is: its answer would be too.
    age = inbox.age() if inbox else None
    reason, at = context.last_refused.get(name, ("", 0))
    return (age is None or age > 3 * context.settings.heartbeat) and at >= began and reason in {"signature", "sender", "clock"}


def _heard(context: Context, name: str, inbox: Inbox | None, trial: Trial) -> list[Step]:
    age = inbox.age() if inbox else None
    if age is not None and age <= 3 * context.settings.heartbeat:
        return [Step("heartbeat", True, THERE, f"a signed one was heard {age / 1e6:.1f} s ago")]
    reason, at = context.last_refused.get(name, ("", 0))
    if reason in {"signature", "sender"} and context.clock.now() - at <= 6 * context.settings.heartbeat:
        says = f"{name} signs with other keys than the card that is pinned here: ask it for its card, compare, and add it"
        return [Step("heartbeat", False, HERE, says)]
    if reason == "clock" and context.clock.now() - at <= 6 * context.settings.heartbeat:
        return [
            Step("clock", False, THERE, f"{name}'s clock is more than {SKEW // 1_000_000} s ahead of this node's: one of the two is wrong")
        ]
    if trial.pong is not None:
        return [Step("heartbeat", True, THERE, "none yet, but it answers")]
    return [
        Step(
            "heartbeat",
            False,
            THERE,
            f"nothing comes from {name}: its node is down, or at another relay, or has not pinned this node's card",
        )
    ]


def _answered(context: Context, trust: Trust, partner: Partner, trial: Trial) -> list[Step]:
    name, pong = partner.id, trial.pong
    if pong is None:
        return [
            Step(
                "answer",
                False,
                THERE,
                f"{name} is heard but does not answer a signed ping within {ANSWER_S:.0f} s: an older version, or too busy",
            )
        ]
    if pong.card != context.keys.digest():
        held = words.to_words(pong.card[:FINGERPRINT_BYTES])
        return [Step("my card there", False, THERE, f"{name} has pinned another card for this node ({held}): give it yours, and compare")]
    steps = [Step("my card there", True, THERE, f"{name} has pinned this node's card")]
    if pong.opened == "clock":
        says = f"{name} finds this node's clock more than {SKEW // 1_000_000} s ahead: one of the two is wrong"
        return [*steps, Step("clock", False, HERE, says)]
    if abs(trial.offset) > SKEW:
        return [
            *steps,
            Step("clock", False, THERE, f"{name}'s clock is {trial.offset / 1e6:+.0f} s off this node's: one of the two is wrong"),
        ]
    steps.append(Step("clock", True, THERE, f"{trial.offset / 1e6:+.3f} s off this node's"))
    prekey = trust.prekey(name)
    if prekey is None:
        return [*steps, Step("prekey", False, THERE, f"{name} has announced no prekey that is still good")]
    steps.append(Step("prekey", True, THERE, f"good for another {(prekey.until - context.clock.now()) / 3.6e9:.1f} h"))
    if pong.opened:
        return [*steps, Step("grant", False, THERE, f"{name} could not open what was sealed for it: {pong.opened}")]
    steps.append(Step("grant", True, THERE, f"{name} opened a grant"))
    if not trial.echoed:
        return [*steps, Step("echo", False, THERE, f"{name} answered with something else than was sealed for it")]
    return [*steps, Step("echo", True, THERE, f"sealed there and back in {trial.took / 1000:.0f} ms")]
