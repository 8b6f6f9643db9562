"""DPoP at the edge (RFC 9449): the proofs of requests, and what is said to those that are not good."""

from starlette.requests import Request
from starlette.responses import JSONResponse

from parvis_identity.http.protocol import NO_STORE
from parvis_identity.service.dpop import ALGORITHMS, Proof, ProofRefused, Proofs
from parvis_identity.service.protocol import Answer, ProtocolRefusal, protocol_error
from parvis_kit.unit import UnitOfWork

_ALGS = f'algs="{" ".join(ALGORITHMS)}"'
_WORTHLESS = "The token is missing, expired or revoked."


def nonce_header(proofs: Proofs, unit: UnitOfWork) -> dict[str, str]:
    """The nonce to use next, where nonces are asked for (RFC 9449, 8.2)."""
    nonce = proofs.nonce(unit.now)
    return {"DPoP-Nonce": nonce} if nonce else {}


async def proof_of(proofs: Proofs, unit: UnitOfWork, request: Request) -> Proof | None:
    """The proof that a client sent with a request; None when there is none. Raises ProtocolRefusal (RFC 9449, 5)."""
    try:
        return await proofs.read(unit, request.headers.getlist("dpop"), method=request.method, path=request.url.path)
    except ProofRefused as refused:
        told = protocol_error(400, refused.error, refused.description)
        raise ProtocolRefusal(Answer(400, told.body, {**told.headers, **nonce_header(proofs, unit)})) from refused


async def proof_for(proofs: Proofs, unit: UnitOfWork, request: Request, access_token: str) -> Proof:
    """The proof that must come with a token of the DPoP scheme (RFC 9449, 7.1). Raises ProofRefused."""
    headers = request.headers.getlist("dpop")
    proof = await proofs.read(unit, headers, method=request.method, path=request.url.path, access_token=access_token)
    if proof is None:
        raise ProofRefused("A token of this scheme needs a proof.")
    return proof


def no_token() -> JSONResponse:
    """A resource was asked for without a token: which schemes there are (RFC 6750, 3; RFC 9449, 7.1)."""
    return _challenge(["Bearer", f"DPoP {_ALGS}"], "invalid_token")


def bad_token(*, bound: bool) -> JSONResponse:
    """The token is worthless; `bound`: it came in the DPoP scheme."""
    said = f'error="invalid_token", error_description="{_WORTHLESS}"'
    return _challenge([f"DPoP {said}, {_ALGS}" if bound else f"Bearer {said}"], "invalid_token")


def bad_proof(refused: ProofRefused, headers: dict[str, str]) -> JSONResponse:
    """The proof is not good; the token was not looked at."""
    description = refused.description.replace('"', "'")
    challenge = f'DPoP error="{refused.error}", error_description="{description}", {_ALGS}'
    return _challenge([challenge], refused.error, headers)


def _challenge(challenges: list[str], error: str, headers: dict[str, str] | None = None) -> JSONResponse:
    answer = JSONResponse({"error": error}, 401, headers={**NO_STORE, **(headers or {})})
    for challenge in challenges:
        answer.headers.append("WWW-Authenticate", challenge)
    return answer
