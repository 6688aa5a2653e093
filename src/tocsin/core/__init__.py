"""What every room speaks: observation columns, records, labels, realms, time, entropy and errors.

Nothing here reads a file, a socket, a clock or a source of randomness; everything is a value or a pure
function, so that whatever the other rooms do can be tested by giving them values.
"""

from .chance import Entropy, SeededEntropy, stream
from .errors import (
    BadLabel,
    BadRealm,
    BadRecord,
    Denied,
    InputError,
    LabelMismatch,
    NotReachable,
    TocsinError,
    TooLarge,
)
from .ids import kind_of_id, new_id
from .labels import Clearance, Label, LabelPolicy, banner, join, may_read
from .observations import FLAG, Identity, Observations
from .realms import LIVE, Realm
from .records import (
    Acknowledgement,
    Claim,
    Consent,
    Evidence,
    Finding,
    Gap,
    LogEntry,
    Record,
    Ref,
    Refusal,
    Relabel,
    Report,
    Rule,
    WarningRecord,
    body_of,
    decode,
    encode,
    make,
)
from .strict import read_json
from .times import Clock, ManualClock, ScaledClock, iso, parse_iso, seconds

__all__ = [
    "FLAG",
    "LIVE",
    "Acknowledgement",
    "BadLabel",
    "BadRealm",
    "BadRecord",
    "Claim",
    "Clearance",
    "Clock",
    "Consent",
    "Denied",
    "Entropy",
    "Evidence",
    "Finding",
    "Gap",
    "Identity",
    "InputError",
    "Label",
    "LabelMismatch",
    "LabelPolicy",
    "LogEntry",
    "ManualClock",
    "NotReachable",
    "Observations",
    "Realm",
    "Record",
    "Ref",
    "Refusal",
    "Relabel",
    "Report",
    "Rule",
    "ScaledClock",
    "SeededEntropy",
    "TocsinError",
    "TooLarge",
    "WarningRecord",
    "banner",
    "body_of",
    "decode",
    "encode",
    "iso",
    "join",
    "kind_of_id",
    "make",
    "may_read",
    "new_id",
    "parse_iso",
    "read_json",
    "seconds",
    "stream",
]
