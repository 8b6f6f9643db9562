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
WORDS = {
    "fr": {
        "title": "Messages envoyés",
        "about": "Ce serveur de démonstration retient les messages au lieu de les distribuer.",
        "empty": "Aucun message pour l’instant. Invitez une personne ou déposez un document : son message arrivera ici.",
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


def application(mailbox: Mailbox) -> Starlette:
    """`GET /` and `/messages/{id}` for people; `/api/messages` for tests."""
    environment = Environment(
        loader=PackageLoader("parvis_local.mailsink"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["moment"] = lambda iso: f"{datetime.fromisoformat(iso).astimezone():%d/%m/%Y %H:%M:%S}"

    def page(request: Request, template: str, **values: object) -> Response:
        language = "fr" if "fr" in request.headers.get("accept-language", "fr") else "en"
        html = environment.get_template(template).render(language=language, words=WORDS[language], **values)
        return HTMLResponse(html, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})

    async def listing(request: Request) -> Response:
        to = request.query_params.get("to", "")
        messages = [read(envelope) for envelope in reversed(mailbox.find(to))]
        return page(request, "list.html", messages=messages[:200], to=to)

    async def show(request: Request) -> Response:
        envelope = mailbox.get(request.path_params["id"])
        if envelope is None:
            return PlainTextResponse("Not found", status_code=404)
        return page(request, "message.html", message=read(envelope))

    async def body(request: Request) -> Response:
        envelope = mailbox.get(request.path_params["id"])
        if envelope is None:
            return PlainTextResponse("Not found", status_code=404)
        html = '<base target="_blank">' + str(read(envelope)["html"])
        return HTMLResponse(html, headers={"Content-Security-Policy": MAIL_POLICY})

    async def source(request: Request) -> Response:
        envelope = mailbox.get(request.path_params["id"])
        return PlainTextResponse(envelope.content if envelope else b"", status_code=200 if envelope else 404)

    async def clear(_: Request) -> Response:
        mailbox.clear()
        return RedirectResponse("/", status_code=303)

    async def style(_: Request) -> Response:
        css = environment.get_template("style.css").render()
        return Response(css, media_type="text/css", headers={"Cache-Control": "no-store"})

    async def api_messages(request: Request) -> Response:
        if request.method == "DELETE":
            return JSONResponse({"deleted": mailbox.clear()})
        found = mailbox.find(request.query_params.get("to", ""), request.query_params.get("since", ""))
        return JSONResponse({"messages": [read(envelope) for envelope in found]})

    async def api_message(request: Request) -> Response:
        envelope = mailbox.get(request.path_params["id"])
        if envelope is None:
            return JSONResponse({"title": "There is no such message."}, status_code=404)
        return JSONResponse(read(envelope))

    async def ready(_: Request) -> Response:
        return JSONResponse({"status": "ready"})

    return Starlette(
        routes=[
            Route("/", listing),
            Route("/style.css", style),
            Route("/clear", clear, methods=["POST"]),
            Route("/messages/{id}", show),
            Route("/messages/{id}/html", body),
            Route("/messages/{id}/source", source),
            Route("/api/messages", api_messages, methods=["GET", "DELETE"]),
            Route("/api/messages/{id}", api_message),
            Route("/health/ready", ready),
        ]
    )
