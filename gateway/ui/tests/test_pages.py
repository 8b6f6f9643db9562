"""Rendering: headers, blocks, languages, themes, assets."""

import asyncio
import json
import re
import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Route

from parvis_ui import build, styleguide
from parvis_ui.frame import Entry, Frame, Group, Organisation, Person
from parvis_ui.languages import accepted
from parvis_ui.lists import changed, sorted_columns
from parvis_ui.security import content_security_policy, origin_of

FIRST_VISIT_BYTES = 120_000
FIRST_VISIT_REQUESTS = 15
FONT_BYTES = 40_000


@pytest.fixture
def client(pages, call):
    """`client("GET", "/assets/…")` on an application as web makes it."""
    routes = [Route("/preferences", pages.preferences, methods=["POST"]), Mount("/assets", pages.assets)]
    app = Starlette(routes=routes)
    return lambda method, path, body="", **headers: call(app, method, path, body, **headers)


@pytest.fixture
def guide(pages, ask):
    request = ask("/styleguide")
    return pages.render(request, "parvis_ui/styleguide.html", styleguide.context(request), frame=styleguide.frame())


def test_the_policy_allows_nothing_unsafe(guide):
    policy = guide.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert "default-src 'none';" in policy
    assert "base-uri 'none';" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self' http://127.0.0.1:8601;" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_page_is_kept_in_no_shared_cache(guide):
    assert guide.headers["cache-control"] == "private, no-cache"


def test_a_login_page_names_where_its_form_may_end():
    policy = content_security_policy("", ("https://app.example/callback?x=1", "javascript:alert(1)"), secure=True)
    assert "form-action 'self' https://app.example;" in policy


@pytest.mark.parametrize(
    "url",
    ["https://a.example;script-src *", "https://a b", "ftp://a", "", "https://user@a.example", "https://*.example"],
)
def test_an_origin_that_would_bend_the_policy_is_left_out(url):
    assert origin_of(url) == ""


def test_the_panel_gets_the_main_block_only(pages, ask):
    request = ask("/styleguide", hx_request="true", hx_target="panel-body")
    answer = pages.render(request, "parvis_ui/styleguide.html", styleguide.context(request), frame=styleguide.frame())
    assert answer.headers["x-parvis-block"] == "main"
    assert b"<html" not in answer.body
    assert b"<h1>" in answer.body


def test_an_error_page_gives_a_reference_to_copy(pages, ask):
    answer = pages.error(
        ask(), 503, "Indisponible", "Rien n’est perdu.", reference="0193f2c1", actions=(("Réessayer", "/"),)
    )
    assert answer.status_code == 503
    assert b"0193f2c1" in answer.body


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("de,fr;q=0.5,en;q=0.4", "fr"),
        ("en;q=0", "fr"),
        ("en;q=x", "fr"),
        ("*", "fr"),
    ],
)
def test_the_browser_s_language_is_heard(header, language):
    assert accepted(header) == language


def test_a_choice_wins_over_the_account_and_that_over_the_browser(pages, ask):
    assert pages.language(ask(cookie="parvis_lang=en", accept_language="fr"), "fr") == "en"
    assert pages.language(ask(accept_language="fr"), "en") == "en"
    assert pages.language(ask(cookie="parvis_lang=xx", accept_language="en")) == "en"


def test_a_theme_is_remembered_and_shown(client, pages, ask):
    answer = client("POST", "/preferences", "theme=dark", referer="http://localhost:8600/o/x/clients?sort=name")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/o/x/clients?sort=name"
    assert "parvis_theme=dark" in answer.headers["set-cookie"]
    html = pages.text(ask(cookie="parvis_theme=dark"), "parvis_ui/styleguide_bare.html", {"rules": ()})
    assert 'data-theme="dark"' in html


@pytest.mark.parametrize("referer", ["http://evil.example/x", "http://localhost:8600//evil.example", ""])
def test_a_choice_never_leads_away(client, referer):
    assert client("POST", "/preferences", "language=en", referer=referer).headers["location"] == "/"


def test_an_unknown_choice_sets_nothing(client):
    assert "set-cookie" not in client("POST", "/preferences", "theme=pink&language=xx").headers


def test_body_without_end_is_refused_before_it_is_in_memory(pages, ask):
    read = []

    async def receive():
        read.append(4000)
        return {"type": "http.request", "body": b"x" * 4000, "more_body": True}

    answer = asyncio.run(pages.preferences(Request({**ask().scope, "method": "POST"}, receive)))
    assert answer.status_code == 413
    assert sum(read) <= 8000


def test_assets_are_served_compressed_for_ever(client, pages):
    answer = client("GET", pages.assets.url("app.css"), accept_encoding="br")
    assert answer.headers["content-encoding"] == "br"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    "path", ["nothing.css", "../pyproject.toml", "manifest.json", "accent/12345.css", "accent/zzzzzz.css", ".stamp/"]
)
def test_nothing_else_is_served(client, path):
    assert client("GET", f"/assets/{path}").status_code == 404


def test_an_accent_is_a_stylesheet(client, pages, ask):
    answer = client("GET", "/assets/accent/f2b705.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert re.fullmatch(
        r":root\{(--accent[\w-]*:light-dark\(#[0-9a-f]{6},#[0-9a-f]{6}\);?){4}\}\n", answer.body.decode()
    )
    html = pages.text(ask(), "parvis_ui/styleguide_bare.html", {"rules": ()}, accent="#F2B705")
    assert "/assets/accent/f2b705.css" in html
    assert "accent/" not in pages.text(ask(), "parvis_ui/styleguide_bare.html", {"rules": ()}, accent='"><script>')


def test_a_first_visit_stays_within_its_budget(guide, pages):
    manifest = json.loads((pages.assets.folder / "manifest.json").read_text())["files"]
    chunks = sum(path.stat().st_size for path in pages.assets.folder.glob("chunk-*.js.br"))
    files = ("app.css", "app.js", "upload.js", "icons.svg", "favicon.svg", "font.woff2")
    total = sum(manifest[name]["compressed"] for name in files) + chunks + len(guide.body) / 6
    assert total < FIRST_VISIT_BYTES
    assert len(files) + 1 + len(list(pages.assets.folder.glob("chunk-*.js"))) < FIRST_VISIT_REQUESTS
    assert manifest["font.woff2"]["bytes"] < FONT_BYTES


def test_the_reader_of_documents_is_not_in_the_first_script(pages):
    assert "GlobalWorkerOptions" not in (pages.assets.folder / pages.assets.names["app.js"]).read_text()


def test_stylesheets_load_nothing_from_elsewhere(pages):
    css = (pages.assets.folder / pages.assets.names["app.css"]).read_text()
    assert not re.search(r"url\([\"']?(?:https?:|//|data:)", css)


def test_building_again_does_nothing():
    assert build.build() is False


def test_the_lock_names_no_address():
    lock = (build.ROOT / "package-lock.json").read_text()
    assert "resolved" not in lock
    assert "://" not in re.sub(r'"url": "[^"]*"', "", lock)


def test_a_page_of_a_list_is_rendered_within_a_few_milliseconds(pages, ask):
    request = ask("/styleguide")
    context, frame = styleguide.context(request), styleguide.frame()
    pages.text(request, "parvis_ui/styleguide.html", context, frame=frame)
    took = []
    for _ in range(5):
        start = time.process_time()
        pages.text(request, "parvis_ui/styleguide.html", context, frame=frame)
        took.append(time.process_time() - start)
    assert min(took) < 0.03


def test_a_navigation_has_at_most_seven_entries():
    entries = tuple(Entry(str(number), "/") for number in range(8))
    with pytest.raises(ValueError, match="at most 7"):
        Frame(Organisation("x", "/"), (Group(entries),), Person("x", "x", "/", "/"))


def test_sorting_is_in_the_address_and_forgets_the_cursor():
    name, total = sorted_columns(
        "/o/x/clients?sort=name&after=abc&q=le", (("Nom", "name"), ("Total", "total", "end wide")), "name"
    )
    assert (name.sort, name.href) == (
        "ascending",
        "/o/x/clients?sort=-name&q=le".replace("sort=-name&q=le", "q=le&sort=-name"),
    )
    assert (total.sort, total.href, total.end, total.wide) == ("", "/o/x/clients?q=le&sort=total", True, True)
    assert changed("/o/x/clients?q=le", q=None) == "/o/x/clients?"
