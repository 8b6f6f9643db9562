"""The five endpoints of AuthZEN."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from parvis_kit.errors import Kind, ServiceError, Violation, invalid
from parvis_tenancy.domain.questions import Answer, Asker, Found, Question, Thing, Wanted
from parvis_tenancy.http import messages
from parvis_tenancy.http.callers import ProductTokens
from parvis_tenancy.http.words import FOR_PEOPLE, SENTENCES, both, sentence
from parvis_tenancy.service.asking import Asking

PREFIX = "/api/tenancy/access/v1"
#: Members of a question's parts that it must have: taken from what stands beside the questions where it lacks them.
_REQUIRED: Mapping[str, tuple[str, ...]] = {"subject": ("type", "id"), "action": ("name",), "resource": ("type", "id")}
_PROBLEM = {"model": messages.Problem, "content": {"application/problem+json": {}}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "The request cannot be answered"},
    401: {**_PROBLEM, "description": "No access token of a product"},
    403: {**_PROBLEM, "description": "The product is closed"},
    429: {**_PROBLEM, "description": "The product asks too often"},
}


def _caller(request: Request) -> Asker:
    asker: Asker = request.state.asker
    return asker


Caller = Annotated[Asker, Depends(_caller)]


class Authzen:
    """Their routes. Answers are decided in `service.asking`."""

    def __init__(self, asking: Asking, tokens: ProductTokens) -> None:
        self._asking = asking
        self.router = APIRouter(prefix=PREFIX, tags=["AuthZEN"], responses=_RESPONSES, route_class=caller_first(tokens))
        self._routes()

    def _routes(self) -> None:
        asking = self._asking
        options: dict[str, Any] = {"response_model_exclude_none": True}

        @self.router.post("/evaluation", summary="One decision", **options)
        async def evaluation(asker: Caller, body: messages.Evaluation) -> messages.Decision:
            return decision(await asking.evaluate(asker, question(body)))

        @self.router.post("/evaluations", summary="Several decisions", **options)
        async def evaluations(asker: Caller, body: messages.Evaluations) -> messages.Decision | messages.Decisions:
            if not body.evaluations:
                return decision(await asking.evaluate(asker, question(_single(body))))
            semantic = (body.options or messages.Options()).evaluations_semantic
            several = [_of_several(body, each) for each in body.evaluations]
            answers = await asking.evaluate_all(asker, several, semantic)
            return messages.Decisions(evaluations=[decision(each) for each in answers])

        @self.router.post("/search/subject", summary="Who may", **options)
        async def search_subject(asker: Caller, body: messages.SubjectSearch) -> messages.Found:
            asked = _question(Thing(body.subject.type), body.action.name, _thing(body.resource), body.context)
            return _found(await asking.subjects(asker, asked, _wanted(body.page)))

        @self.router.post("/search/resource", summary="To what", **options)
        async def search_resource(asker: Caller, body: messages.ResourceSearch) -> messages.Found:
            asked = _question(_thing(body.subject), body.action.name, Thing(body.resource.type), body.context)
            return _found(await asking.resources(asker, asked, _wanted(body.page)))

        @self.router.post("/search/action", summary="What", **options)
        async def search_action(asker: Caller, body: messages.ActionSearch) -> messages.Found:
            asked = _question(_thing(body.subject), "", _thing(body.resource), body.context)
            return _found(await asking.actions(asker, asked))


def caller_first(tokens: ProductTokens) -> type[APIRoute]:
    """Routes that find out who is asking before they look at what was sent, and whether it is said to be JSON."""

    class Route(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handler(request: Request) -> Response:
                request.state.asker = await tokens.asker(
                    request.headers.get("authorization", ""),
                    request.headers.getlist("dpop"),
                    method=request.method,
                    path=request.url.path,
                )
                kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if kind != "application/json":
                    raise invalid("content_type")
                return await handle(request)

            return handler

    return Route


def question(body: messages.Evaluation) -> Question:
    """An evaluation as the use case takes it."""
    return _question(_thing(body.subject), body.action.name, _thing(body.resource), body.context)


def decision(answer: Answer | ServiceError) -> messages.Decision:
    """An answer as AuthZEN says it; what is wrong with one of several questions is a no that says so (7.2.1)."""
    if isinstance(answer, ServiceError):
        status = HTTPStatus.FORBIDDEN if answer.kind is Kind.FORBIDDEN else HTTPStatus.BAD_REQUEST
        told: dict[str, Any] = {"status": int(status), "message": sentence(answer.reason, "en")}
        if answer.violations:
            told["errors"] = [{"pointer": f"/{each.field}", "detail": each.reason} for each in answer.violations]
        return messages.Decision(decision=False, context={**_reasons(answer.reason), "error": told})
    context = {} if answer.allowed else _reasons(answer.reason)
    if answer.revision:
        context["revision"] = answer.revision
    return messages.Decision(decision=answer.allowed, context=context or None)


def _reasons(reason: str) -> dict[str, Any]:
    told = {"reason": reason, "reason_admin": both(SENTENCES, reason), "reason_user": both(FOR_PEOPLE, reason)}
    return {name: value for name, value in told.items() if value is not None}


def _found(found: Found) -> messages.Found:
    results = [{"type": each.type, "id": each.id} for each in found.things] + [{"name": each} for each in found.actions]
    context = _reasons(found.reason) if found.reason else {}
    if found.revision:
        context["revision"] = found.revision
    total = found.total if not found.reason else 0
    page = messages.NextPage(next_token=found.next_token, count=len(results), total=total)
    return messages.Found(results=results, page=page, context=context or None)


def _thing(named: messages.Subject | messages.Resource) -> Thing:
    return Thing(named.type, named.id)


def _question(subject: Thing, action: str, resource: Thing, context: messages.Context | None) -> Question:
    context = context or messages.Context()
    return Question(subject, action, resource, context.organisation or "", context.revision or 0)


def _wanted(page: messages.Page | None) -> Wanted:
    return Wanted(page.limit, page.token) if page is not None else Wanted()


def _single(body: messages.Evaluations) -> messages.Evaluation:
    """Without `evaluations` it is one question (Authorization API 1.0, 7.1). Raises INVALID."""
    parts = {name: getattr(body, name) for name in ("subject", "action", "resource", "context")}
    read = _read({name: value for name, value in parts.items() if value is not None})
    if isinstance(read, ServiceError):
        raise read
    return read


def _of_several(body: messages.Evaluations, sent: Any) -> Question | ServiceError:
    """One of several questions, completed by what stands beside them: a part as a whole, and the members that it must
    have one by one (Authorization API 1.0, 7.1.1).
    """
    if not isinstance(sent, dict):
        return invalid("malformed_request", [Violation("", "must be an object")])
    parts: dict[str, Any] = {}
    for name in (*_REQUIRED, "context"):
        own, usual = sent.get(name), getattr(body, name)
        if isinstance(own, dict) and isinstance(usual, dict):
            missing = {key: usual[key] for key in _REQUIRED.get(name, ()) if key in usual and key not in own}
            own = {**own, **missing}
        chosen = usual if own is None else own
        if chosen is not None:
            parts[name] = chosen
    read = _read(parts)
    return read if isinstance(read, ServiceError) else question(read)


def _read(parts: Mapping[str, Any]) -> messages.Evaluation | ServiceError:
    try:
        return messages.Evaluation.model_validate(parts)
    except ValidationError as error:
        return invalid("malformed_request", _violations(error))


def _violations(error: ValidationError) -> Sequence[Violation]:
    return [Violation("/".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_url=False)]
