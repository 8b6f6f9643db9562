"""What products send and get (OpenID AuthZEN Authorization API 1.0). Members that are not known are ignored, as the
specification asks; so are `properties`: a decision rests on what the organisation says, never on what the product says.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

#: Evaluations of one request, at most.
MOST_EVALUATIONS = 200

Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("must hold printable characters only")
    return value


Word = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(_printable)]
Properties = Annotated[dict[str, Any] | None, Field(description="Accepted and not looked at.")]


class Subject(BaseModel):
    """Who would do it."""

    type: Annotated[Word, Field(description="`member` or `account`", examples=["account"])]
    id: Annotated[Word, Field(description="Of a member its identifier, of an account the `sub` that the product knows")]
    properties: Properties = None


class Resource(BaseModel):
    """What it would be done to."""

    type: Annotated[Word, Field(description="`contact` or `product`", examples=["contact"])]
    id: Annotated[Word, Field(description="Of a contact its identifier, of the product its `client_id`")]
    properties: Properties = None


class Action(BaseModel):
    """What would be done."""

    name: Annotated[
        Word,
        Field(description="A right that the product declares, `contacts.read`, or `use`", examples=["contacts.read"]),
    ]
    properties: Properties = None


class Context(BaseModel):
    """Where, and how fresh the answer must be."""

    organisation: Annotated[
        Word | None,
        Field(description="Identifier or short name (`org_slug`); not needed where the subject has only one"),
    ] = None
    revision: Annotated[
        int | None,
        Field(strict=True, ge=0, description="That of an earlier answer: one of the future is an error"),
    ] = None


class Evaluation(BaseModel):
    """One question."""

    subject: Subject
    action: Action
    resource: Resource
    context: Context | None = None


class Options(BaseModel):
    """How several questions are answered."""

    evaluations_semantic: Semantic = "execute_all"


class Evaluations(BaseModel):
    """Several questions. What stands beside `evaluations` counts where a question says nothing of its own."""

    subject: dict[str, Any] | None = None
    action: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    evaluations: Annotated[list[Any] | None, Field(max_length=MOST_EVALUATIONS)] = None
    options: Options | None = None


class Page(BaseModel):
    """Which part of the results."""

    token: Annotated[str, Field(max_length=2048, description="`next_token` of the page before")] = ""
    limit: Annotated[int, Field(strict=True, ge=0, description="Results at most: 50 unless said, 200 at the most")] = 0


class Typed(BaseModel):
    """The kind of what is searched."""

    type: Word


class SubjectSearch(BaseModel):
    """Who may do this to that?"""

    subject: Typed
    action: Action
    resource: Resource
    context: Context | None = None
    page: Page | None = None


class ResourceSearch(BaseModel):
    """What may this one do it to?"""

    subject: Subject
    action: Action
    resource: Typed
    context: Context | None = None
    page: Page | None = None


class ActionSearch(BaseModel):
    """What may this one do to that?"""

    subject: Subject
    resource: Resource
    context: Context | None = None
    page: Page | None = None


class Decision(BaseModel):
    """Yes or no; the context says why not, and how fresh the facts were."""

    decision: bool
    context: dict[str, Any] | None = None


class Decisions(BaseModel):
    """The answers in the order of the questions."""

    evaluations: list[Decision]


class NextPage(BaseModel):
    """Where the results go on."""

    next_token: Annotated[str, Field(description="Empty: these were the last")] = ""
    count: int
    total: int | None = None


class Found(BaseModel):
    """The results of a search."""

    results: list[dict[str, str]]
    page: NextPage
    context: dict[str, Any] | None = None


class Problem(BaseModel):
    """What is wrong with a request (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    reason: str
    errors: list[dict[str, str]] | None = None
