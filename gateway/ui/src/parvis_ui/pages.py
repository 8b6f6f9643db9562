"""Rendering: templates and words of the named packages, in the reader's language, with the headers a page needs."""

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, Template
from jinja2.loaders import BaseLoader, ChoiceLoader
from jinja2_fragments import render_block
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from parvis_ui import formats
from parvis_ui.assets import Assets
from parvis_ui.compiled import Compiled
from parvis_ui.frame import Flash, Frame
from parvis_ui.languages import LANGUAGE_COOKIE, LANGUAGES, THEME_COOKIE, THEMES, language_of, theme_of
from parvis_ui.security import security_headers
from parvis_ui.translations import Words, words

PANEL = "panel-body"
"""Value of `HX-Target` when the side panel asks."""
MACRO_FILES = (
    "frame",
    "text",
    "page",
    "buttons",
    "overlays",
    "fields",
    "choices",
    "tables",
    "listing",
    "cards",
    "matrix",
    "transfer",
)
_theme_in_use: ContextVar[str] = ContextVar("theme_in_use", default=THEMES[0])
_YEAR = 365 * 24 * 3600
_FORM_LIMIT = 4096


def make_environment(*packages: str, language: str = "fr", assets: Assets | None = None) -> Environment:
    """A Jinja environment over `templates/` of the packages, first one first, then the design system's own.

    Templates fail on what is missing, escape everything, and always know `ui` (the macros), `icon`, `asset`, `language`
    and the filters.
    """
    served = assets or Assets()
    loaders: list[BaseLoader] = [PackageLoader(package) for package in packages]
    environment = Environment(
        loader=ChoiceLoader([*loaders, PrefixLoader({"parvis_ui": PackageLoader("parvis_ui", "templates/parvis_ui")})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=Compiled(packages[0] if packages else "parvis_ui", language),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do", "jinja2.ext.loopcontrols"],
    )
    known = words(language, *packages)
    environment.newstyle_gettext = True  # type: ignore[attr-defined]
    environment.globals.update(_sayings(known))
    environment.filters.update(formats.filters(language))
    macros, icons = SimpleNamespace(), _icons(served)
    environment.globals.update(
        ui=macros,
        icon=icons,
        glyph=icons,
        asset=served.url,
        accent_url=served.accent_url,
        language=language,
        languages=LANGUAGES,
        themes=THEMES,
        is_blank=_is_blank,
        chosen_theme=_theme_in_use.get,
    )
    for name in MACRO_FILES:
        exported: Any = environment.get_template(f"parvis_ui/{name}.html").module
        macros.__dict__.update({key: value for key, value in vars(exported).items() if not key.startswith("_")})
    return environment


def _sayings(known: Words) -> dict[str, Callable[..., Markup]]:
    """`gettext` and its kin for templates, as Jinja makes them (values by name, escaped), but with `Words.fitted`."""

    def said(text: str, values: Mapping[str, object]) -> Markup:
        return Markup(known.fitted(text, values)) % values  # noqa: S704 - ours; the values are escaped

    def gettext(message: str, /, **values: object) -> Markup:
        return said(known.gettext(message), values)

    def ngettext(singular: str, plural: str, number: int, /, **values: object) -> Markup:
        return said(known.ngettext(singular, plural, number), {"num": number, **values})

    def pgettext(context: str, message: str, /, **values: object) -> Markup:
        return said(known.pgettext(context, message), values)

    return {"gettext": gettext, "ngettext": ngettext, "pgettext": pgettext}


def _is_blank(value: object) -> bool:
    """Whether a value has nothing to show; zero has."""
    return value is None or value == ""


def _icons(assets: Assets) -> Any:
    """`icon(name, size=16, label="")`: a reference into the sprite, decorative unless it has a label."""
    known: dict[tuple[str, int, str], Markup] = {}

    def icon(name: str, size: int = 16, label: str = "") -> Markup:
        made = known.get((name, size, label))
        if made is None:
            role = Markup('role="img" aria-label="{}"').format(label) if label else Markup('aria-hidden="true"')
            made = Markup('<svg class="icon icon-{}" {} width="{}" height="{}"><use href="{}#{}"></use></svg>').format(
                size,
                role,
                size,
                size,
                assets.url("icons.svg"),
                name,
            )
            if len(known) < _FORM_LIMIT:
                known[name, size, label] = made
        return made

    return icon


class Pages:
    """Renders the pages of the named packages. One per process; safe to share."""

    def __init__(self, *packages: str, store_origin: str = "", assets: Assets | None = None) -> None:
        self.packages = packages
        self.store_origin = store_origin
        self.assets = assets or Assets()
        self._environments: dict[str, Environment] = {}

    def environment(self, language: str) -> Environment:
        """The environment of one language, made on first use."""
        found = self._environments.get(language)
        if found is None:
            found = make_environment(*self.packages, language=language, assets=self.assets)
            self._environments[language] = found
        return found

    def warm(self) -> int:
        """Compiles every template in every language, so that no reader waits for it; the number of templates."""
        count = 0
        for language in LANGUAGES:
            environment = self.environment(language)
            for name in environment.list_templates(extensions=["html"]):
                environment.get_template(name)
                count += 1
            if isinstance(kept := environment.bytecode_cache, Compiled):
                kept.keep()
        return count

    def language(self, request: Request, account: str = "") -> str:
        """The language to answer in; `account` is the one that the account has chosen."""
        return language_of(request, account)

    def translator(self, request: Request, account: str = "") -> Words:
        """The words to answer with: `_("Clients")`, `_.plural("%(num)s client", "%(num)s clients", n)`."""
        return words(language_of(request, account), *self.packages)

    def text(
        self,
        request: Request,
        template: str,
        context: Mapping[str, object] | None = None,
        *,
        frame: Frame | None = None,
        block: str | None = None,
        zone: str = "Europe/Paris",
        language: str | None = None,
        flash: Sequence[Flash] = (),
        accent: str = "",
    ) -> str:
        """The HTML of a page or of one of its blocks."""
        chosen = language if language in LANGUAGES else language_of(request)
        environment = self.environment(chosen)
        values: dict[str, object] = {
            "frame": frame,
            "flash": flash,
            "theme": theme_of(request),
            "path": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "brand": None,
            "accent": accent or (frame.organisation.accent if frame else ""),
            "request": request,
            **(context or {}),
        }
        zone_token = formats.zone_in_use.set(formats.zone(zone))
        theme_token = _theme_in_use.set(theme_of(request))
        try:
            if block:
                return str(render_block(environment, template, block, **values))
            found: Template = environment.get_template(template)
            return found.render(values)
        finally:
            formats.zone_in_use.reset(zone_token)
            _theme_in_use.reset(theme_token)

    def render(
        self,
        request: Request,
        template: str,
        context: Mapping[str, object] | None = None,
        *,
        frame: Frame | None = None,
        block: str | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        form_action: Sequence[str] = (),
        images: Sequence[str] = (),
        zone: str = "Europe/Paris",
        language: str | None = None,
        flash: Sequence[Flash] = (),
        accent: str = "",
    ) -> HTMLResponse:
        """The answer with a page, or with one block of it; a request of the side panel gets block `main` by itself.

        `form_action` names more origins that a form of this page may end at, `images` those that images come from;
        `zone` is the organisation's, for times.
        """
        wanted = block or ("main" if request.headers.get("hx-target") == PANEL else None)
        content = self.text(
            request,
            template,
            context,
            frame=frame,
            block=wanted,
            zone=zone,
            language=language,
            flash=flash,
            accent=accent,
        )
        answer = HTMLResponse(content, status)
        answer.headers.update(
            security_headers(self.store_origin, form_action, secure=request.url.scheme == "https", images=images)
        )
        answer.headers["Vary"] = "HX-Request, HX-Target, Cookie, Accept-Language"
        if wanted:
            answer.headers["X-Parvis-Block"] = wanted
        if headers:
            answer.headers.update(headers)
        return answer

    def error(
        self,
        request: Request,
        status: int,
        title: str,
        text: str,
        *,
        reference: str = "",
        frame: Frame | None = None,
        actions: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> HTMLResponse:
        """The page that says what happened, what it means and what to do.

        `actions` are `(label, href)`, the first one main; `reference` is there to copy.
        """
        values = {"status": int(status), "title": title, "text": text, "reference": reference, "actions": actions}
        return self.render(request, "parvis_ui/error.html", values, frame=frame, status=status, headers=headers)

    async def preferences(self, request: Request) -> Response:
        """POST `theme` or `language`: remembers the choice in a cookie and goes back to the page it came from.

        A body larger than any such form is refused (413) before it is in memory.
        """
        body = bytearray()
        async for chunk in request.stream():  # whoever is not signed in may send, as much as they like
            body += chunk
            if len(body) > _FORM_LIMIT:
                return Response(status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"Connection": "close"})
        sent = dict(parse_qsl(body.decode("utf-8", "replace")))
        came_from = urlsplit(request.headers.get("referer", ""))
        target = "/"
        if came_from.netloc == request.headers.get("host") and not came_from.path.startswith(("//", "/\\")):
            target = (came_from.path or "/") + (f"?{came_from.query}" if came_from.query else "")
        answer = RedirectResponse(target, HTTPStatus.SEE_OTHER)
        chosen = ((THEME_COOKIE, sent.get("theme", ""), THEMES), (LANGUAGE_COOKIE, sent.get("language", ""), LANGUAGES))
        for cookie, value, allowed in chosen:
            if value in allowed:
                answer.set_cookie(
                    cookie, value, max_age=_YEAR, samesite="lax", httponly=True, secure=request.url.scheme == "https"
                )
        return answer
