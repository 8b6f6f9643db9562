"""parvis.identity.v1.SignInPolicyService."""

from parvis.identity.v1 import policies_pb2 as pb
from parvis_identity.models import FactorMode, SsoMode
from parvis_identity.rpc.accounts import moment_of, timestamp
from parvis_identity.service.sign_in_policies import MOST_NAMES, MOST_UNKNOWN, SignInPolicies, Told, Wanted
from parvis_kit import ids
from parvis_kit.errors import Violation, invalid
from parvis_kit.unit import UnitOfWork

_SSO = {
    pb.SSO_MODE_OFF: SsoMode.OFF,
    pb.SSO_MODE_OFFERED: SsoMode.OFFERED,
    pb.SSO_MODE_ENFORCED: SsoMode.ENFORCED,
}
_FACTORS = {
    pb.FACTOR_MODE_OFF: FactorMode.OFF,
    pb.FACTOR_MODE_OFFERED: FactorMode.OFFERED,
    pb.FACTOR_MODE_REQUIRED: FactorMode.REQUIRED,
}


class SignInPolicyRpc:
    """See the contract."""

    def __init__(self, policies: SignInPolicies) -> None:
        self._policies = policies

    async def GetSignInPolicy(self, unit: UnitOfWork, request: pb.GetSignInPolicyRequest) -> pb.SignInPolicies:
        del request
        return _told(unit, await self._policies.get(unit))

    async def SaveSignInPolicy(self, unit: UnitOfWork, request: pb.SaveSignInPolicyRequest) -> pb.SignInPolicies:
        return _told(unit, await self._policies.save(unit, _wanted(request.policy)))


def _wanted(told: pb.SignInPolicy) -> Wanted:
    wrong = [
        Violation(field, "unknown")
        for field, value, known in (("sso", told.sso, _SSO), ("factors", told.factors, _FACTORS))
        if value not in known
    ]
    if wrong:
        raise invalid("policy_invalid", wrong)
    return Wanted(
        sso=_SSO[told.sso],
        factors=_FACTORS[told.factors],
        required_from=moment_of(told, "required_from"),
        required_profiles=tuple(dict.fromkeys(ids.parse(each, "required_profiles") for each in told.required_profiles)),
        break_glass=tuple(dict.fromkeys(ids.parse(each, "break_glass") for each in told.break_glass)),
        version=told.version,
    )


def _told(unit: UnitOfWork, told: Told) -> pb.SignInPolicies:
    policy = told.policy
    return pb.SignInPolicies(
        policy=pb.SignInPolicy(
            sso=next(mode for mode, value in _SSO.items() if value == policy.sso),
            factors=next(mode for mode, value in _FACTORS.items() if value == policy.factors),
            required_from=timestamp(policy.required_from),
            required_profiles=map(str, policy.required_profiles),
            break_glass=map(str, policy.break_glass),
            version=policy.version,
        ),
        staff=told.staff,
        affected=told.affected,
        without_factor=len(told.without_factor),
        without_sso=told.without_sso,
        names_without_factor=told.without_factor[:MOST_NAMES],
        candidates=[
            pb.BreakGlassCandidate(
                account_id=str(each.account_id),
                name=each.name,
                mail=each.mail,
                has_factor=each.has_factor,
                staff=each.staff,
                me=each.account_id == unit.caller.account_id,
            )
            for each in told.candidates
        ],
        live_providers=told.live_providers,
        staff_by_profile={str(each): count for each, count in told.staff_by_profile.items()},
        without_factor_by_profile={str(each): count for each, count in told.without_factor_by_profile.items()},
        unknown=[
            pb.UnknownColleague(membership_id=str(each.membership_id or ""), name=each.name, mail=each.mail)
            for each in told.unknown[:MOST_UNKNOWN]
        ],
        unknown_total=len(told.unknown),
    )
