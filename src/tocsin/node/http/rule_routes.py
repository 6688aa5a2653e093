"""Rules agreed beforehand: proposing, agreeing, withdrawing."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post
from litestar.params import Body

from tocsin.core import Rule
from tocsin.people import Act

from .given import ById, TheReader, TheRules

Json = dict[str, Any]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class NewRule(msgspec.Struct, forbid_unknown_fields=True):
    """A rule as proposed; times in protocol time, µs UTC."""

    name: Short
    topic: Short
    level: Short
    audience: Annotated[list[Short], msgspec.Meta(min_length=1, max_length=200)]
    realms: Annotated[list[Short], msgspec.Meta(min_length=1, max_length=20)]
    valid_from: int
    valid_until: int


class RuleController(Controller):
    """What may leave without a person at the time, because two agreed beforehand."""

    path = "/rules"

    @get("/", sync_to_thread=False)
    def every(self, reader: TheReader, rules: TheRules) -> list[Json]:
        """The rules that this reader may read, with who stands behind each."""
        return rules.every(reader)

    @post("/", act=Act.RULE_PROPOSE)
    async def propose(self, reader: TheReader, rules: TheRules, data: Annotated[NewRule, Body()]) -> Json:
        """Propose a rule; it holds when another approver agrees."""
        fields = msgspec.structs.asdict(data) | {"audience": tuple(data.audience), "realms": tuple(data.realms), "state": "proposed"}
        return await rules.propose(reader, Rule(**fields))

    @post("/{rule:str}/agree", status_code=200, act=Act.RULE_AGREE)
    async def agree(self, reader: TheReader, rules: TheRules, rule: ById) -> Json:
        """Agree to a rule that another approver proposed."""
        return await rules.agree(reader, rule)

    @post("/{rule:str}/withdraw", status_code=200, act=Act.RULE_WITHDRAW)
    async def withdraw(self, reader: TheReader, rules: TheRules, rule: ById) -> Json:
        """End a rule at once."""
        return await rules.withdraw(reader, rule)
