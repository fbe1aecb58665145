"""Verbs over all vendors: what is to become of a person, whatever each vendor calls it.

::

    from netaudience.verbs import Subject, erase, plan_erase

    people = [Subject(id="1042", email="ada@example.com")]
    plan = plan_erase(people)
    result = await erase(people, agreed=plan.reached)
    for verdict in result.verdicts:
        print(verdict.vendor, verdict.status)
"""

from netaudience.jobs.spec.action import Action
from netaudience.verbs.audience import Audience, AudienceResult
from netaudience.verbs.doors import carry_action, erase, look_again_at, plan_action, plan_erase
from netaudience.verbs.history import Done, History, Sent, Undelivered, Unknown, history_of
from netaudience.verbs.in_order import carry_in_order, erasure, plan_in_order
from netaudience.verbs.look_up import Known, who
from netaudience.verbs.missing import Completed, look_up_missing
from netaudience.verbs.opt_outs import OptedOut, OptOutsFound, find_opt_outs
from netaudience.verbs.plan import VendorPlan, VerbPlan
from netaudience.verbs.receipts import Key, Receipts
from netaudience.verbs.run import VerbResult
from netaudience.verbs.subject import Subject
from netaudience.verbs.verdicts import Status, Verdict

__all__ = [
    "Action",
    "Audience",
    "AudienceResult",
    "Completed",
    "Done",
    "History",
    "Key",
    "Known",
    "OptOutsFound",
    "OptedOut",
    "Receipts",
    "Sent",
    "Status",
    "Subject",
    "Undelivered",
    "Unknown",
    "VendorPlan",
    "VerbPlan",
    "VerbResult",
    "Verdict",
    "carry_action",
    "carry_in_order",
    "erase",
    "erasure",
    "find_opt_outs",
    "history_of",
    "look_again_at",
    "look_up_missing",
    "plan_action",
    "plan_erase",
    "plan_in_order",
    "who",
]
