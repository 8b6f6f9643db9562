"""The pages of the site, and what starts it: `python urls.py PORT`."""

import os
import sys
from urllib.parse import urlencode

import django
from django.contrib.auth.decorators import login_required
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path


def logout_address(request: HttpRequest) -> str:
    """Where the library sends whoever signs out (OpenID Connect RP-Initiated Logout 1.0)."""
    asked = {
        "id_token_hint": request.session["oidc_id_token"],
        "post_logout_redirect_uri": request.build_absolute_uri("/bye"),
    }
    return f"{os.environ['ISSUER']}/oauth2/logout?{urlencode(asked)}"


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Who is signed in."""
    return JsonResponse({"email": request.user.email})


def bye(_request: HttpRequest) -> HttpResponse:
    """Nobody is."""
    return HttpResponse("bye")


urlpatterns = [path("", home), path("bye", bye), path("oidc/", include("mozilla_django_oidc.urls"))]

if __name__ == "__main__":
    django.setup()
    call_command("migrate", verbosity=0)
    call_command("runserver", f"127.0.0.1:{sys.argv[1]}", "--noreload")
