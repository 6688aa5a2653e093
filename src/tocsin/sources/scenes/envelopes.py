"""What transports can do, as their makers and operators publish it. Figures are rounded; a flight is drawn inside them.

Sources: C-130J, C-17 and their drop speeds: US Air Force fact sheets (af.mil) for C-130J-30 (cruise 362 kt at 28,000 ft) and
C-17 (450 kt at 28,000 ft, 40,000 ft ceiling); A400M: Airbus Defence and Space data sheet (cruise 300 kt CAS, Mach 0.68 to 0.72,
31,000 to 40,000 ft, paradrop 110 to 130 kt); Il-76MD-90A: United Aircraft Corporation data sheet (cruise 770 to 800 km/h, 9,000 to
12,000 m, drop 220 to 300 km/h); Y-20: CCTV/AVIC figures given at Airshow China 2016 (Mach 0.75, 13,000 m); Y-8/Y-9: CATIC
export brochures (cruise 550 km/h, ceiling 10,400 m; drop from 220 km/h). Static-line drop heights of 800 to 1,250 ft and high-altitude
ones to 25,000 ft: US Army FM 3-21.220 / TC 3-21.220. Civil cruise: FL290 to FL410, 430 to 490 kt (Eurocontrol aircraft performance data).
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Envelope(NamedTuple):
    """Cruise speed (m/s over ground), cruise height (m), climb (m/s) and drop speed (m/s), each from and to."""

    cruise: tuple[float, float]
    height: tuple[float, float]
    climb: tuple[float, float]
    drop: tuple[float, float]


TRANSPORT: Final = {
    "Y20": Envelope((195.0, 230.0), (6000.0, 11000.0), (8.0, 14.0), (70.0, 85.0)),
    "IL76": Envelope((190.0, 225.0), (6000.0, 10500.0), (8.0, 13.0), (65.0, 85.0)),
    "C17": Envelope((200.0, 232.0), (6000.0, 11500.0), (9.0, 15.0), (67.0, 75.0)),
    "A400": Envelope((180.0, 210.0), (5500.0, 9500.0), (8.0, 13.0), (60.0, 67.0)),
    "C130": Envelope((150.0, 175.0), (4500.0, 8000.0), (6.0, 10.0), (62.0, 68.0)),
    "C30J": Envelope((165.0, 186.0), (5500.0, 8500.0), (7.0, 11.0), (62.0, 68.0)),
    "Y8": Envelope((140.0, 160.0), (4500.0, 8000.0), (5.0, 9.0), (62.0, 75.0)),
    "Y9": Envelope((150.0, 175.0), (5000.0, 8500.0), (6.0, 10.0), (62.0, 75.0)),
}
AIRLINER: Final = Envelope((221.0, 252.0), (8800.0, 12500.0), (8.0, 16.0), (70.0, 80.0))
AIRLINERS: Final = ("A320", "A20N", "A321", "A319", "B738", "B38M", "A333", "B77W", "B789", "A359", "E190", "E295", "CRJ9", "BCS3")
FREIGHTERS: Final = ("B744", "B748", "B77L", "B763", "A306", "A124", "IL76", "MD11")
TANKERS: Final = ("K35R", "A332", "KC46", "IL78")
OPERATORS: Final = (
    "DLH",
    "SWR",
    "AFR",
    "BAW",
    "KLM",
    "UAE",
    "QTR",
    "SIA",
    "CPA",
    "CAL",
    "EVA",
    "ANA",
    "JAL",
    "KAL",
    "UAL",
    "DAL",
    "THY",
    "RYR",
)
LOW: Final = (150.0, 900.0)
"""Height (m) of a low-level transit."""
DROP_LOW: Final = (240.0, 400.0)
DROP_HIGH: Final = (3000.0, 7600.0)
