"""How fast the gate decides: warm (asked before), cold (both keys asked for a pair that nobody asked for), and whether the keys agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tocsin.core import Clearance, Label, LabelPolicy, ManualClock, may_read
from tocsin.core.labels import NO_RESHARE

from .gate import RELEASE, Gate
from .site import Asked, SitePolicies

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.core import Entropy

POLICY = LabelPolicy("bench", ("UNCLASSIFIED", "RESTRICTED", "SECRET", "TOP"))
NAMES = [f"PARTNER-{n}" for n in range(12)]
CAVEATS, CIRCLES, TERMS = ["SENSOR", "LEGAL", "ORCON"], ["NORTH", "SOUTH", "SEA"], ["NON-COMMERCIAL", NO_RESHARE]
NOW = 1_790_000_000_000_000
PAGE = 500


class Chances:
    """Draws for labels and clearances: most ask little, so that about a quarter of the pairs is allowed."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._held = b""

    def below(self, n: int) -> int:
        """A whole number from 0 to `n` - 1."""
        if len(self._held) < 4:
            self._held = self._entropy.take(65_536)
        drawn, self._held = int.from_bytes(self._held[:4], "big"), self._held[4:]
        return drawn % n

    def some(self, names: list[str], of: int) -> list[str]:
        """Each of `names` with one chance in `of`."""
        return [name for name in names if not self.below(of)]

    def label(self) -> Label:
        """A label that says what any can."""
        others = [name for name in NAMES if self.below(10)]
        clauses = [self.some(CIRCLES, 2) for _ in range(self.below(3))] if not self.below(4) else []
        return Label(
            POLICY.name if self.below(20) else "other",
            self.below(3) - (not self.below(50)),
            frozenset({NAMES[self.below(len(NAMES))]}),
            frozenset(others),
            frozenset(self.some(CAVEATS, 8)),
            tuple(tuple(clause) for clause in clauses),
            tuple(self.some(TERMS, 10)),
            NOW + self.below(1_000_000) - 300_000 if not self.below(10) else None,
        )

    def reader(self) -> Clearance:
        """A clearance."""
        mine = tuple(self.some(CIRCLES, 2))
        rank = self.below(len(POLICY.levels))
        return Clearance(
            POLICY.name, NAMES[self.below(len(NAMES))], rank, frozenset(self.some(CAVEATS, 2)), mine, tuple(self.some(TERMS, 2))
        )


def measure(
    clock_ns: Callable[[], int],
    cpu_ns: Callable[[], int],
    entropy: Entropy,
    *,
    pairs: int = 100_000,
    cold: int = 20_000,
    warm: int = 200_000,
) -> dict[str, int]:
    """`warm_per_s`, `cold_per_s`, `disagreements` of the two keys over `pairs` random pairs, `allowed` of them, `pairs`.

    Cold: parsed policies, pairs of label and reader that were never asked, each put to both keys. Warm: `Gate.may` asked again.
    `..._per_cpu_s` counts this process's processor time (`cpu_ns`), for machines that others use too.
    """
    draw = Chances(entropy)
    asked = [(draw.label(), draw.reader()) for _ in range(pairs)]
    disagreements = allowed = 0
    site = SitePolicies.shipped()
    for begin in range(0, pairs, PAGE):
        page = asked[begin : begin + PAGE]
        questions = [Asked(RELEASE, label, reader, "", "live", "report", "", NOW) for label, reader in page]
        for (label, reader), said in zip(page, site.allow(questions), strict=True):
            allowed += said
            disagreements += said != may_read(label, reader, NOW)
    gate = Gate(site, POLICY, ManualClock(NOW), node=NAMES[0])
    fresh = [(draw.label(), [draw.reader() for _ in range(10)]) for _ in range(max(1, cold // 10))]
    begin, cpu = clock_ns(), cpu_ns()
    for label, readers in fresh:
        gate.explain(label, "live", readers)
    cold_s, cold_cpu_s = (clock_ns() - begin) / 1e9, (cpu_ns() - cpu) / 1e9
    few = [(label, reader) for label, reader in asked[:1000] if label.expires is None or label.expires > NOW]
    readable = [pair for pair in few if gate.may(*pair, realm="live")]
    few = readable or few
    begin, cpu = clock_ns(), cpu_ns()
    for n in range(warm):
        gate.may(*few[n % len(few)], realm="live")
    warm_s, warm_cpu_s = (clock_ns() - begin) / 1e9, (cpu_ns() - cpu) / 1e9
    return {
        "warm_per_s": round(warm / warm_s),
        "cold_per_s": round(10 * len(fresh) / cold_s),
        "warm_per_cpu_s": round(warm / warm_cpu_s),
        "cold_per_cpu_s": round(10 * len(fresh) / cold_cpu_s),
        "disagreements": disagreements,
        "allowed": allowed,
        "pairs": pairs,
    }
