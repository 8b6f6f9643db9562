"""Certificates between services: made, renewed in place, and by a new authority that comes before the old one goes."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from cryptography import x509

from parvis_local import authority
from parvis_local.authority import identity_of, make_identities, renew_certificates, renew_due
from parvis_local.secret_files import renew
from parvis_watch.start import certificate_problems

SERVICES = ("identity", "tenancy")


@pytest.fixture
def folder(tmp_path):
    make_identities(SERVICES, tmp_path)
    for name in ("ca.pem", "identity.pem", "identity.key.pem"):
        (tmp_path / name).chmod(0o444)  # as containers have them mounted
    return tmp_path


def problems(folder, service="identity"):
    files = identity_of(service, folder)
    told = SimpleNamespace(tls_ca=files.authority, tls_certificate=files.certificate, tls_key=files.key)
    return certificate_problems(told, service)


def serial(file):
    return x509.load_pem_x509_certificate(file.read_bytes()).serial_number


def test_renewed_certificates_are_in_the_same_files_with_the_same_modes(folder):
    files = [identity_of("identity", folder).certificate, identity_of("identity", folder).key]
    before = [(file.stat().st_ino, file.stat().st_mode) for file in files]
    old = serial(files[0])
    until = renew_certificates(SERVICES, folder)
    assert [(file.stat().st_ino, file.stat().st_mode) for file in files] == before
    assert serial(files[0]) != old
    assert until > datetime.now(UTC) + timedelta(days=800)
    assert problems(folder) == problems(folder, "tenancy") == []


def test_a_new_authority_is_believed_before_it_signs_and_the_old_one_until_nobody_shows_its_certificates(
    folder, monkeypatch
):
    old, rests = (folder / "ca.pem").read_bytes(), []

    def rest(_seconds):
        believed = x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())
        rests.append((len(believed), problems(folder), problems(folder, "tenancy")))

    monkeypatch.setattr(authority.time, "sleep", rest)
    renew_certificates(SERVICES, folder, new_authority=True)

    assert rests == [(2, [], []), (2, [], [])]  # whoever looks at any moment finds papers that are believed
    assert len(x509.load_pem_x509_certificates((folder / "ca.pem").read_bytes())) == 1
    assert (folder / "ca.pem").read_bytes() != old
    assert problems(folder) == []


def test_two_authorities_never_have_one_name(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    make_identities(SERVICES, other)
    names = {x509.load_pem_x509_certificate((each / "ca.pem").read_bytes()).subject for each in (folder, other)}
    assert len(names) == 2  # OpenSSL asks the first of the name


def test_what_ends_within_two_months_is_renewed_while_the_suite_runs(folder, monkeypatch):
    assert not renew_due(SERVICES, folder)
    old = serial(identity_of("identity", folder).certificate)
    monkeypatch.setattr(authority, "RENEW_BEFORE_DAYS", authority.SERVICE_DAYS + 1)
    assert renew_due(SERVICES, folder)
    assert serial(identity_of("identity", folder).certificate) != old


@pytest.mark.parametrize(("missing", "says"), [("ca.key.pem", "ca.key.pem"), ("ca.pem", "Make them first")])
def test_renewing_without_an_authority_says_what_to_do(folder, capsys, missing, says):
    (folder / missing).unlink()
    assert renew(folder, new_authority=missing == "ca.pem", pause=0) == 1
    assert says in capsys.readouterr().out
