"""For consumers of event streams: dead letters that outlive a process, offsets to commit, a line a minute."""

from netaudience.consumers.dead_letters import DeadLetters, DeadLettersFailed, Given, WhenInDoubt, letter_of
from netaudience.consumers.in_order import InOrder
from netaudience.consumers.offsets import OffsetTracker, Taken
from netaudience.consumers.progress import Progress
from netaudience.dead_letter import DeadLetter

__all__ = [
    "DeadLetter",
    "DeadLetters",
    "DeadLettersFailed",
    "Given",
    "InOrder",
    "OffsetTracker",
    "Progress",
    "Taken",
    "WhenInDoubt",
    "letter_of",
]
