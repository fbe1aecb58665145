"""What must hold of a soak, as the sandbox counted it: the limit, the ledger, the drift, the memory.

Each check gives sentences about what is wrong, and none where nothing is. That each of them can fail is
shown with rate limiters, senders and ways that are broken on purpose.
"""

from collections import Counter
from statistics import median

from soaking import DELIVERED, NOT_SENT, ROUND_TRIP, TOLD, TWICE

from netaudience import Failed, Rejected


def over_the_limit(result) -> list[str]:
    """What the sandbox counted above the limits: in every sliding window, as requests arrive."""
    meter = result.meter
    problems = [f"{meter.refused:,} requests were refused for a limit"] if meter.refused else []
    return problems + [
        f"{counted.peak:,} {counted.window.counts} came in {counted.window.seconds:g} s, "
        f"where {counted.window.count:,} may"
        for counted in (*meter.requests, *meter.records)
        if counted.peak > counted.window.count
    ]


def misreported(result) -> list[str]:
    """Items and calls that were reported nothing, or something else than what the sandbox's ledger says."""
    applied, key = result.applied, result.load.key
    told = dict(enumerate(result.told))
    told |= {-call.number - 1: call.told for call in result.calls}
    problems = Counter()
    for position, kind in told.items():
        times = applied.get(key(position), 0)
        if kind == 0:
            problems["never reported"] += 1
        elif kind == TWICE:
            problems["told twice"] += 1
        elif kind == DELIVERED and not times:
            problems["told to be delivered, and never applied"] += 1
        elif kind in {TOLD[Rejected], TOLD[Failed], NOT_SENT} and times:
            problems["told not to be done, and applied"] += 1
        if times > 1 and not result.idempotent:
            problems["applied more than once, and must not be repeated"] += 1
    if result.report.items != len(result.told):
        problems["read, and more or fewer were reported"] = result.report.items
    problems["applied, and never sent"] = len(applied.keys() - set(map(key, told)))
    return [f"{count:,} items were {what}" for what, count in problems.items() if count]


def drift(result, *, most=0.01, each=None) -> list[str]:
    """How far the achieved rate changes although nothing holds the account up.

    The rate is what the sandbox accepted in whole minutes. Left out are the first minute, the last, and
    those in which a fault stopped the account: a pause that the vendor asked for, a slow stretch, an
    outage, each with two windows to settle; a rate that did not fall then would be wrong. A rate limiter that
    loses tickets, or gains some, changes the rate for good: so each of the other minutes is compared with
    their median, and the last ten of them with the first ten. How high the rate is: see `unused`.

    `each` is for minutes that are so short that it shows whether a window's burst falls into one or the
    next: by how much a single one may differ from the median.
    """
    quiet = result.quiet()
    counts = list(quiet.values())
    if len(counts) < 10:
        return [f"only {len(counts)} of {len(result.minutes)} minutes were quiet"]
    middle = median(counts)
    some = min(10, len(counts) // 2)
    first, last = sum(counts[:some]) / some, sum(counts[-some:]) / some
    problems = [
        f"minute {number} had {count:,}, and the median is {middle:,}"
        for number, count in quiet.items()
        if abs(count - middle) > (each or most) * middle
    ]
    if abs(last - first) > most * first:
        problems.append(f"the last {some} quiet minutes had {last:,.1f} each, and the first {first:,.1f}")
    return problems


def used(result) -> float:
    """Which share of what the client may use was accepted in quiet minutes."""
    counts, window = result.quiet().values(), result.window
    return sum(counts) / max(1, len(counts)) / (result.minute * window.most / window.per)


def unused(result) -> list[str]:
    """Whether less of the limit is used than the rate limiter promises.

    A ticket is away for its window and for as long as its request is: that is what keeps the limit, and
    what it costs is the way's length for each window. What is reserved for calls is for them alone. Two
    hundredths are left for requests that are not ready at once.
    """
    window = result.window
    whole = -(-window.most // 1)
    away = window.per * whole / window.most
    promised = 0.98 * away / (away + ROUND_TRIP) * (1 - result.quota.spare(int(whole)) / whole)
    found = used(result)
    return [] if found >= promised else [f"{found:.1%} of the limit were used, and {promised:.1%} can be"]


def grown(result, *, most=0.03) -> list[str]:
    """Whether the last ten minutes needed more memory than the second ten."""
    early, late = result.memory["second ten minutes"], result.memory["last ten minutes"]
    return [f"{early:,} bytes became {late:,}"] if late > (1 + most) * early else []
