"""parvis.identity.v1.ProviderService."""

from typing import Any

from parvis.identity.v1 import providers_pb2 as pb
from parvis_identity.models import ProviderKind, ProviderState
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service.sso.providers import Begin, Known, Providers, Trial
from parvis_identity.service.sso.setup import Certificate
from parvis_kit import ids
from parvis_kit.server import in_steps
from parvis_kit.unit import UnitOfWork

_KINDS = {pb.PROVIDER_KIND_OIDC: ProviderKind.OIDC.value, pb.PROVIDER_KIND_SAML: ProviderKind.SAML.value}
_STATES = {
    pb.PROVIDER_STATE_DRAFT: ProviderState.DRAFT.value,
    pb.PROVIDER_STATE_LIVE: ProviderState.LIVE.value,
    pb.PROVIDER_STATE_OFF: ProviderState.OFF.value,
}
_RESULTS = {
    "passed": pb.CHECK_RESULT_PASSED,
    "failed": pb.CHECK_RESULT_FAILED,
    "not_reached": pb.CHECK_RESULT_NOT_REACHED,
}
_PLAIN = (
    *("name", "issuer", "client_id", "client_secret", "metadata_url", "metadata_document", "scope", "accepts_amr"),
    *("wants_encrypted", "scim_match", "forwards_logout", "position", "allows_cbc", "metadata_certificate"),
)


class ProviderRpc:
    """See the contract."""

    def __init__(self, providers: Providers, *, public_url: str) -> None:
        self._providers = providers
        self._public_url = public_url

    @in_steps
    async def ListProviders(self, begin: Begin, request: pb.ListProvidersRequest) -> pb.ListProvidersResponse:
        del request
        return pb.ListProvidersResponse(providers=map(self._message, await self._providers.all(begin)))

    @in_steps
    async def GetProvider(self, begin: Begin, request: pb.GetProviderRequest) -> pb.SsoProvider:
        return self._message(await self._providers.one(begin, ids.parse(request.id)))

    @in_steps
    async def CreateProvider(self, begin: Begin, request: pb.CreateProviderRequest) -> pb.SsoProvider:
        kind = _KINDS.get(request.kind, "")
        return self._message(await self._providers.create(begin, kind, request.template, request.name))

    @in_steps
    async def UpdateProvider(self, begin: Begin, request: pb.UpdateProviderRequest) -> pb.SsoProvider:
        told: dict[str, Any] = {field.name: value for field, value in request.ListFields()}
        wanted = {name: told[name] for name in _PLAIN if name in told}
        if request.set_claim_names:
            wanted["claim_names"] = {name: value.strip() for name, value in request.claim_names.items()}
        wanted["confirmed_keys"] = list(request.confirmed_keys)
        return self._message(await self._providers.update(begin, ids.parse(request.id), request.version, wanted))

    async def StartProviderTrial(self, unit: UnitOfWork, request: pb.StartProviderTrialRequest) -> pb.ProviderTrial:
        return _trial(await self._providers.start_trial(unit, ids.parse(request.id)))

    async def GetProviderTrial(self, unit: UnitOfWork, request: pb.GetProviderTrialRequest) -> pb.ProviderTrial:
        return _trial(await self._providers.trial(unit, request.id))

    @in_steps
    async def SetProviderState(self, begin: Begin, request: pb.SetProviderStateRequest) -> pb.SsoProvider:
        state = _STATES.get(request.state, "")
        return self._message(await self._providers.set_state(begin, ids.parse(request.id), state))

    async def DeleteProvider(self, unit: UnitOfWork, request: pb.DeleteProviderRequest) -> pb.DeleteProviderResponse:
        await self._providers.delete(unit, ids.parse(request.id))
        return pb.DeleteProviderResponse()

    @in_steps
    async def RotateProviderKey(self, begin: Begin, request: pb.RotateProviderKeyRequest) -> pb.SsoProvider:
        return self._message(await self._providers.rotate_key(begin, ids.parse(request.id), use=request.use))

    def _message(self, known: Known) -> pb.SsoProvider:
        row = known.provider
        own = f"{self._public_url}/sso/{row.id}"
        kinds = {value: number for number, value in _KINDS.items()}
        states = {value: number for number, value in _STATES.items()}
        message = pb.SsoProvider(
            id=str(row.id),
            version=row.version,
            kind=kinds[row.kind],
            template=row.template,
            name=row.name,
            state=states[row.state],
            issuer=row.issuer,
            client_id=row.client_id,
            has_secret=bool(row.sealed_secret),
            secret_changed_at=timestamp(row.secret_changed_at),
            metadata_url=row.metadata_url,
            metadata_read_at=timestamp(row.metadata_read_at),
            metadata_problem=row.metadata_problem,
            claim_names=row.claim_names,
            scope=row.scope,
            accepts_amr=row.accepts_amr,
            wants_encrypted=row.wants_encrypted,
            scim_match=row.scim_match,
            forwards_logout=row.forwards_logout,
            tried_at=timestamp(row.tried_at),
            live_since=timestamp(row.live_since),
            certificates=map(_certificate, known.keys.theirs),
            own_certificates=map(_certificate, known.keys.ours),
            start_url=f"{own}/start",
            people=known.people,
            sessions_ending=known.sessions[0],
            sessions_kept=known.sessions[1],
            allows_cbc=row.allows_cbc,
            metadata_certificate=row.metadata_certificate,
        )
        if row.kind == ProviderKind.OIDC:
            message.redirect_uri, message.logout_uri = f"{own}/callback", f"{own}/logout"
        else:
            message.entity_id = message.own_metadata_url = f"{own}/metadata"
            message.acs_url, message.slo_url = f"{own}/acs", f"{own}/slo"
        return message


def _certificate(found: Certificate) -> pb.ProviderCertificate:
    return pb.ProviderCertificate(
        fingerprint=found.fingerprint,
        subject=found.subject,
        expires_at=timestamp(found.expires_at),
        current=found.current,
        pem=found.pem,
    )


def _trial(trial: Trial) -> pb.ProviderTrial:
    attempt = trial.attempt
    report = (attempt.report if attempt else None) or {}
    return pb.ProviderTrial(
        id=trial.id,
        url=trial.url,
        finished=bool(report),
        passed=report.get("passed", False),
        checks=[
            pb.ProviderCheck(
                name=each["name"],
                result=_RESULTS[each["result"]],
                detail=each["detail"],
                reason=report.get("check", "") if each["result"] == "failed" else "",
            )
            for each in report.get("checks", ())
        ],
        claims=[
            pb.ReceivedClaim(name=name, values=values, used_as=trial.used.get(name, ""))
            for name, values in report.get("claims", {}).items()
        ],
        subject=report.get("subject", ""),
        finished_at=timestamp(attempt.answered_at if attempt and report else None),
    )
