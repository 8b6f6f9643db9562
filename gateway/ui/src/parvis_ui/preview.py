"""A server for whoever works on the design: the styleguide, and a stand-in for the endpoints that uploads talk to."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from parvis_ui.frame import Flash
from parvis_ui.pages import Pages
from parvis_ui.styleguide import context, frame

PORT = 8699
_PART = 5 * 1024 * 1024
_pages = Pages("parvis_ui")
_uploads: dict[str, int] = {}


def _sample_pdf(count: int = 3) -> bytes:
    """A PDF (ISO 32000-1, 7.5) of a few lines a page, made by hand: this package needs no library for it."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for page in range(1, count + 1):
        lines = "".join(f"0 -24 Td (Ligne {line} de la page {page}) Tj " for line in range(1, 25))
        stream = f"BT /F1 24 Tf 72 760 Td (Page {page}) Tj /F1 13 Tf {lines}ET".encode()
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % len(objects),
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, b" ".join(kids))
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(
        b"%010d 00000 n \n" % place for place in places
    )
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>startxref\n%d\n%%%%EOF" % (len(objects) + 1, start))


async def _guide(request: Request) -> Response:
    return _pages.render(
        request,
        "parvis_ui/styleguide.html",
        context(request),
        frame=frame(_pages.language(request)),
        flash=(Flash("ok", "Invitation envoyée à Hugo Petit."),) if "flash" in request.query_params else (),
        accent=request.query_params.get("accent", ""),
    )


async def _bare(request: Request) -> Response:
    return _pages.render(request, "parvis_ui/styleguide_bare.html", context(request))


async def _reading(request: Request) -> Response:
    return _pages.render(request, "parvis_ui/styleguide_reading.html", frame=frame(_pages.language(request)))


async def _sample(_: Request) -> Response:
    return Response(_sample_pdf(), media_type="application/pdf")


async def _failing(request: Request) -> Response:
    _ = _pages.translator(request)
    return _pages.error(
        request,
        500,
        _("We could not finish this"),
        _("Something failed on our side. What you had saved is kept; what you were sending was not saved."),
        reference="0193f2c1-7e4b",
        frame=frame(_pages.language(request)) if "framed" in request.query_params else None,
        actions=((_("Try again"), "/error"), (_("Back to the home page"), "/styleguide")),
    )


async def _start(request: Request) -> Response:
    sent = await request.json()
    if sent["name"].endswith(".exe"):
        return JSONResponse({"detail": "ce dossier n’accepte pas les programmes."}, 422)
    identifier = f"u{len(_uploads) + 1}"
    _uploads[identifier] = 0
    count = max(1, -(-int(sent["size"]) // _PART))
    parts = [{"number": number, "url": f"/store/{identifier}/{number}"} for number in range(1, count + 1)]
    return JSONResponse({"upload_id": identifier, "part_size": _PART, "parts": parts}, 201)


async def _store(request: Request) -> Response:
    _uploads[request.path_params["upload"]] += len(await request.body())
    return Response(headers={"ETag": '"x"'})


async def _parts(request: Request) -> Response:
    upload = request.path_params["upload"]
    if upload not in _uploads:
        return JSONResponse({"detail": "inconnu"}, 404)
    parts = [{"number": number, "url": f"/store/{upload}/{number}?fresh", "done": number == 1} for number in (1, 2, 3)]
    return JSONResponse({"part_size": _PART, "parts": parts})


async def _state(request: Request) -> Response:
    if request.path_params["upload"] not in _uploads:
        return JSONResponse({"detail": "inconnu"}, 404)
    return JSONResponse({"state": "checking" if request.method == "POST" else "filed", "href": "/styleguide"})


application = Starlette(
    routes=[
        Route("/styleguide", _guide),
        Route("/bare", _bare, methods=["GET", "POST"]),
        Route("/reading", _reading),
        Route("/sample.pdf", _sample),
        Route("/error", _failing),
        Route("/preferences", _pages.preferences, methods=["POST"]),
        Route("/uploads", _start, methods=["POST"]),
        Route("/store/{upload}/{number}", _store, methods=["PUT"]),
        Route("/uploads/{upload}/parts", _parts),
        Route("/uploads/{upload}", _state, methods=["GET", "DELETE"]),
        Route("/uploads/{upload}/complete", _state, methods=["POST"]),
        Mount("/assets", _pages.assets),
    ],
)


def main(arguments: list[str]) -> None:
    """Serves the styleguide on 127.0.0.1."""
    import uvicorn  # noqa: PLC0415 - only this development server needs it

    uvicorn.run(application, host="127.0.0.1", port=int(arguments[0]) if arguments else PORT, log_level="warning")
