"""Description of schemes in words, from which a person reads what will be paid, to whom, when and on what evidence."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import get_args

from services.enrollment.domain.benefits import WHOLE, Benefit
from services.enrollment.domain.scheme import IN_A_ROOM, Mode, ModeRule, Scheme

KINDS = {
    "normal": "normal: more goes to training than to the person",
    "semi-bansos": "semi-bansos: training and social aid",
}
MILESTONES = {"completed": "is completed", "rated": "is completed and rated"}
CATALOGUES = {
    "required": "a course must be approved",
    "optional": "a course need not be approved; an approval binds",
}
PROOFS = {
    "face": "by face check",
    "venue_qr": "by QR code at the venue",
    "by_session": "by face check online, by QR code at the venue",
}
POST_TESTS = {"passed": "post-test passed", "taken": "post-test taken, any score", None: "no post-test"}
NONE, NOT_OFFERED = "-", "not offered"

Description = Mapping[str, str]
"""The rules of a scheme in words, by subject."""


def describe(scheme: Scheme) -> Description:
    """Describe the rules of a scheme."""
    return {**_describe_money(scheme), **_describe_rules(scheme), **_describe_modes(scheme)}


def compare(schemes: Sequence[Scheme]) -> list[tuple[str, ...]]:
    """Return a row for each subject that a scheme has a rule for: the subject, then the rule of each scheme."""
    described = [describe(scheme) for scheme in schemes]
    longest = max(described, key=len)
    subjects = [*longest, *(one for of_one in described for one in of_one if one not in longest)]
    return [(subject, *(of_one.get(subject, NONE) for of_one in described)) for subject in dict.fromkeys(subjects)]


def write_rupiah(amount: int) -> str:
    """Return an amount as people read it: `Rp 3,500,000`."""
    return f"Rp {amount:,}"


def _describe_money(scheme: Scheme) -> Description:
    return {
        "version": f"{scheme.version}, in force from {scheme.in_force_from}",
        "kind": KINDS[scheme.kind],
        "training balance": f"{write_rupiah(scheme.training_balance)} for trainings, never cash",
        **{benefit.benefit: _describe_benefit(benefit) for benefit in scheme.benefits},
        "cash at most": f"{write_rupiah(scheme.cash)} per participant",
        "paid in vain": f"to be paid back within {_days(scheme.clawback_days)}",
        "cut-off": _describe_cut_offs(scheme.cut_offs),
    }


def _describe_cut_offs(days: Sequence[date]) -> str:
    if not days:
        return "none"
    last_days = " or ".join(map(str, days))
    return f"what is unspent returns at the end of {last_days}, the first by which the wave has opened"


def _describe_benefit(benefit: Benefit) -> str:
    if benefit.amount is None:
        return f"the price of each training, to its provider, when it {MILESTONES[benefit.milestone]}"
    amount = f"{write_rupiah(benefit.amount)} to the participant, once"
    if benefit.months_after is not None:
        return f"{amount}, {_count(benefit.months_after, 'month')} after incentive_1"
    if benefit.milestone in MILESTONES:
        return f"{amount}, when the first training {MILESTONES[benefit.milestone]}"
    return f"{amount}, when {benefit.milestone.replace('_', ' ')} is answered and its training is completed"


def _describe_rules(scheme: Scheme) -> Description:
    admission, purchase, completion = scheme.admission, scheme.purchase, scheme.completion
    age = f"{admission.age_at_least} and above" if admission.age_at_most is None else (
        f"{admission.age_at_least} to {admission.age_at_most}"
    )  # fmt: skip
    following = "once the previous one is completed and rated, "
    limit = purchase.next_within_days
    following += "at any time" if limit is None else f"within {_days(limit)} of its completion"
    return {
        "age on admission": age,
        "admission": f"until {_days(admission.days)} after the wave has closed",
        "first training bought": f"within {_days(purchase.first_within_days)} of admission",
        "next training bought": following,
        "hours of a training": f"at least {purchase.minimum_hours}",
        "catalogue": CATALOGUES[purchase.catalogue],
        "offline and hybrid": _describe_regions(scheme),
        "evidence counts": f"until {_days(completion.evidence_days)} after the last session",
        "given up": f"when not completed {_days(completion.complete_within_days)} after the last session",
    }


def _describe_regions(scheme: Scheme) -> str:
    regions = scheme.purchase.offline_regions
    if not scheme.modes.keys() & IN_A_ROOM:
        return NOT_OFFERED
    return "for people of all regions" if regions is None else f"for people of {', '.join(regions)}"


def _describe_modes(scheme: Scheme) -> Description:
    return {
        f"mode {mode}": "; ".join(describe_mode(scheme.modes[mode]).values()) if mode in scheme.modes else NOT_OFFERED
        for mode in get_args(Mode)
    }


def describe_mode(rule: ModeRule) -> Description:
    """Return the evidence that completes a training of a mode, and how large its class may be, by subject."""
    share = "every session" if rule.sessions_share == WHOLE else f"{rule.sessions_share} % of the sessions"
    return {
        "sessions": f"{share} attended, {PROOFS[rule.session_proof]}",
        "post-test": POST_TESTS[rule.post_test],
        "work": "work graded, any score" if rule.graded else "no graded work",
        "certificate": "certificate issued" if rule.certificate else "no certificate",
        "class": "class of any size" if rule.class_at_most is None else f"class of at most {rule.class_at_most}",
    }


def _days(number: int) -> str:
    return _count(number, "day")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
