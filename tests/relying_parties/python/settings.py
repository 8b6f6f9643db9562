"""The settings of a small site; what our page hands out is pasted below."""

from pathlib import Path

SECRET_KEY = "of-a-site-that-lives-for-a-minute"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "mozilla_django_oidc.middleware.SessionRefresh",
]
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": Path(__file__).with_name("site.sqlite")},
}
USE_TZ = True
SESSION_COOKIE_NAME = "site"
# What the library offers beyond the pasted lines: asking again without a page, and signing out there too.
OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS = 2
OIDC_STORE_ID_TOKEN = True
OIDC_OP_LOGOUT_URL_METHOD = "urls.logout_address"
ALLOW_LOGOUT_GET_METHOD = True
