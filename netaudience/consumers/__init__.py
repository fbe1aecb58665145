"""For consumers of event streams: dead letters that outlive a process, and offsets that may be committed."""

from netaudience.consumers.dead_letters import (
    DeadLetter,
    DeadLetters,
    DeadLettersFailed,
    Given,
    WhenInDoubt,
    letter_of,
)
from netaudience.consumers.offsets import OffsetTracker, Taken

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "DeadLettersFailed",
    "Given",
    "OffsetTracker",
    "Taken",
    "WhenInDoubt",
    "letter_of",
]
