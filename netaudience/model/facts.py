"""What is known about an operation besides its request: limits, quota, and what repeating it does."""

from __future__ import annotations

from typing import Literal, Required, TypeAlias, TypedDict, get_args

import attrs
from attrs.validators import gt, in_, instance_of, matches_re, optional

from netaudience.model.kinds import Coalescence
from netaudience.model.limits import Figure, Limit, Provenance, Quota
from netaudience.outcomes import Acknowledgement

Shape: TypeAlias = Literal["batch", "call", "query", "pages"]
Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_flag = instance_of(bool)
_text = instance_of(str)


class Stated(TypedDict, total=False):
    """What a declaration states by name; `Facts` says what each means, and checks it at import."""

    docs: Required[str]
    quota: Required[Quota]
    limit: Limit
    destructive: bool
    irreversible: bool
    app_wide: bool
    consent: str
    erases: bool
    unsaid: str
    settles: str
    read: str
    coalesces: Coalescence | None
    opposite: str
    acknowledges: Acknowledgement
    provenance: Provenance
    note: str
    timeout: float | None
    max_answer_bytes: int | None
    spooled: bool


@attrs.frozen
class Probe:
    """A documented read that shows whether an account answers at all. It changes nothing."""

    #: The operation's name in Python.
    operation: str
    #: Whom it asks about, where it asks about somebody: an identifier of nobody, who is not found.
    item: str | None = None
    #: What a key needs for it, where a key that is refused here may be good for something else.
    needs: str = ""


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Facts:
    """What is known about an operation besides its request.

    Raises:
        TypeError: a fact is not of its type.
        ValueError: a fact has a value that there is not.
    """

    method: Method = attrs.field(validator=in_(get_args(Method)))
    #: The path, with ``{name}`` for each path parameter.
    path: str = attrs.field(validator=_text)
    #: The page that documents the operation.
    docs: str = attrs.field(validator=matches_re(r"https?://\S+"))
    quota: Quota = attrs.field(validator=instance_of(Quota))
    limit: Limit = attrs.field(factory=Limit, validator=instance_of(Limit))
    #: True where sending again what may have happened does no harm.
    idempotent: bool = attrs.field(validator=_flag)
    #: True where what is deleted is gone; it is asked for twice.
    destructive: bool = attrs.field(default=False, validator=_flag)
    #: True where the vendor says that it cannot be undone.
    irreversible: bool = attrs.field(default=False, validator=_flag)
    #: True where the effect is not limited to the users named.
    app_wide: bool = attrs.field(default=False, validator=_flag)
    #: What the operation does that its caller must mean, as in "deletes users for good". It is refused then
    #: without ``confirm=True``, a parameter that its function has for the type checkers' sake.
    consent: str = attrs.field(default="", validator=_text)
    #: How two items of one user become one with the effect of both in turn; None where each counts.
    coalesces: Coalescence | None = attrs.field(default=None, validator=in_((None, *get_args(Coalescence))))
    #: The operation that, with the same arguments, does the opposite: the later of both alone has the effect.
    opposite: str = attrs.field(default="", validator=_text)
    acknowledges: Acknowledgement = attrs.field(default="accepted", validator=in_(get_args(Acknowledgement)))
    #: Whether the operation itself is in the vendor's documents.
    provenance: Provenance = attrs.field(default=Provenance.DOCUMENTED, validator=instance_of(Provenance))
    #: True where the aim is that somebody is not there: who is not found counts as done.
    erases: bool = attrs.field(default=False, validator=instance_of(bool))
    #: What a user should know before using it.
    note: str = attrs.field(default="", validator=_text)
    #: What the vendor answers with success and does not do, as the end of a sentence; the report says it too.
    unsaid: str = attrs.field(default="", validator=_text)
    #: Where what was accepted ends later: how the end is reported, in a sentence that a terminal shows, too.
    settles: str = attrs.field(default="", validator=_text)
    #: The month in which its page was read, as ``2026-11``, where that is not the vendor's.
    read: str = attrs.field(default="", validator=_text)
    #: Seconds for one exchange, where the client's own timeout is too short.
    timeout: float | None = attrs.field(default=None, validator=optional(gt(0)))
    #: The longest answer that is read, in bytes, where the client's own figure is too small.
    max_answer_bytes: int | None = attrs.field(default=None, validator=optional(gt(0)))
    #: Whether a long answer is kept in a file, and read from there line by line.
    spooled: bool = attrs.field(default=False, validator=instance_of(bool))

    def figures(self) -> dict[str, Figure]:
        """Return every figure that the operation is bound by."""
        return {**self.limit.figures(), **self.quota.figures()}
