"""The sink's page for people and its API for tests."""

from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from parvis_local.mailsink.messages import Mailbox, read

PAGE_POLICY = "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'"
# A mail's own HTML: styles and pictures, nothing that runs or submits.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: http: https:; base-uri 'none'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
SHOWN = 200  # newest messages on the page
WORDS = {
    "fr": {
        "title": "Messages envoyés",
        "about": "Ce serveur de démonstration retient les messages au lieu de les distribuer.",
        "empty": "Aucun message pour l’instant. Invitez une personne ou déposez un document : "
        "son message arrivera ici.",
        "no_match": "Aucun message pour cette adresse.",
        "search": "Destinataire",
        "filter": "Filtrer",
        "from": "De",
        "to": "À",
        "received": "Reçu",
        "subject": "Objet",
        "links": "Liens",
        "text": "Texte",
        "html": "Message",
        "headers": "En-têtes",
        "attachments": "Pièces jointes",
        "back": "Tous les messages",
        "delete": "Tout effacer",
        "no_subject": "(sans objet)",
    },
    "en": {
        "title": "Messages sent",
        "about": "This demonstration server keeps messages instead of delivering them.",
        "empty": "No message yet. Invite somebody or file a document: their message will arrive here.",
        "no_match": "No message for this address.",
        "search": "Recipient",
        "filter": "Filter",
        "from": "From",
        "to": "To",
        "received": "Received",
        "subject": "Subject",
        "links": "Links",
        "text": "Text",
        "html": "Message",
        "headers": "Headers",
        "attachments": "Attachments",
        "back": "All messages",
        "delete": "Delete all",
        "no_subject": "(no subject)",
    },
}


class Pages:
    """Handlers over one mailbox."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._templates = Environment(
            loader=PackageLoader("parvis_local.mailsink"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters["moment"] = _moment

    async def listing(self, request: Request) -> Response:
        to = request.query_params.get("to", "")
        messages = [read(envelope) for envelope in reversed(self._mailbox.find(to)[-SHOWN:])]
        return self._page(request, "list.html", messages=messages, to=to)

    async def show(self, request: Request) -> Response:
        envelope = self._mailbox.get(request.path_params["id"])
        return self._page(request, "message.html", message=read(envelope)) if envelope else _not_found()

    async def body(self, request: Request) -> Response:
        envelope = self._mailbox.get(request.path_params["id"])
        if envelope is None:
            return _not_found()
        html = '<base target="_blank">' + str(read(envelope)["html"])
        return HTMLResponse(html, headers={"Content-Security-Policy": MAIL_POLICY})

    async def source(self, request: Request) -> Response:
        envelope = self._mailbox.get(request.path_params["id"])
        return PlainTextResponse(envelope.content) if envelope else _not_found()

    async def clear(self, _: Request) -> Response:
        self._mailbox.clear()
        return RedirectResponse("/", status_code=303)

    async def style(self, _: Request) -> Response:
        css = self._templates.get_template("style.css").render()
        return Response(css, media_type="text/css", headers={"Cache-Control": "no-store"})

    async def api_messages(self, request: Request) -> Response:
        if request.method == "DELETE":
            return JSONResponse({"deleted": self._mailbox.clear()})
        found = self._mailbox.find(request.query_params.get("to", ""), request.query_params.get("since", ""))
        return JSONResponse({"messages": [read(envelope) for envelope in found]})

    async def api_message(self, request: Request) -> Response:
        envelope = self._mailbox.get(request.path_params["id"])
        return JSONResponse(read(envelope)) if envelope else _not_found()

    async def ready(self, _: Request) -> Response:
        return JSONResponse({"status": "ready"})

    def _page(self, request: Request, template: str, **values: object) -> Response:
        language = "fr" if "fr" in request.headers.get("accept-language", "fr") else "en"
        html = self._templates.get_template(template).render(language=language, words=WORDS[language], **values)
        return HTMLResponse(html, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})


def application(mailbox: Mailbox) -> Starlette:
    """`GET /` and `/messages/{id}` for people; `/api/messages` for tests."""
    pages = Pages(mailbox)
    return Starlette(
        routes=[
            Route("/", pages.listing),
            Route("/style.css", pages.style),
            Route("/clear", pages.clear, methods=["POST"]),
            Route("/messages/{id}", pages.show),
            Route("/messages/{id}/html", pages.body),
            Route("/messages/{id}/source", pages.source),
            Route("/api/messages", pages.api_messages, methods=["GET", "DELETE"]),
            Route("/api/messages/{id}", pages.api_message),
            Route("/health/ready", pages.ready),
        ]
    )


def _moment(iso: str) -> str:
    return f"{datetime.fromisoformat(iso).astimezone():%d/%m/%Y %H:%M:%S}"


def _not_found() -> Response:
    return PlainTextResponse("There is no such message. / Ce message n’existe pas.", status_code=404)
