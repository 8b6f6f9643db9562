"""parvis.identity.v1.PasswordService."""

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.domain.passwords import PasswordPolicy
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service import policies
from parvis_identity.service.provisional_passwords import ProvisionalPasswords
from parvis_kit import ids
from parvis_kit.server import Begin, in_steps
from parvis_kit.unit import UnitOfWork


class PasswordRpc:
    """See the contract. `floor`: the installation's policy."""

    def __init__(self, floor: PasswordPolicy, provisional: ProvisionalPasswords) -> None:
        self._floor = floor
        self._provisional = provisional

    async def GetPasswordPolicy(self, unit: UnitOfWork, request: pb.GetPasswordPolicyRequest) -> pb.PasswordPolicies:
        del request
        return self._told(await policies.of_organisation(unit, unit.organisation_id, self._floor))

    async def SavePasswordPolicy(self, unit: UnitOfWork, request: pb.SavePasswordPolicyRequest) -> pb.PasswordPolicies:
        told = request.policy
        wanted = PasswordPolicy(
            minimum=told.minimum,
            digit=told.digit,
            capital=told.capital,
            small=told.small,
            special_characters="".join(dict.fromkeys("".join(told.special_characters.split()))),
        )
        return self._told(await policies.save(unit, wanted, self._floor))

    @in_steps
    async def IssueProvisionalPassword(
        self, begin: Begin, request: pb.IssueProvisionalPasswordRequest
    ) -> pb.ProvisionalPassword:
        issued = await self._provisional.issue(begin, ids.parse(request.account_id, "account_id"))
        return pb.ProvisionalPassword(
            identifier=issued.account.identifier,
            password=issued.password,
            expires_at=timestamp(issued.until),
            was_active=issued.was_active,
        )

    def _told(self, demanded: policies.Demanded) -> pb.PasswordPolicies:
        return pb.PasswordPolicies(
            policy=_message(demanded.policy),
            floor=_message(self._floor),
            own=demanded.own,
            refuses_leaked=True,
        )


def _message(policy: PasswordPolicy) -> pb.PasswordPolicy:
    return pb.PasswordPolicy(
        minimum=policy.minimum,
        digit=policy.digit,
        capital=policy.capital,
        small=policy.small,
        special_characters=policy.special_characters,
    )
