"""`./parvis secrets`: every secret once, readable by nobody else, never overwritten."""

import hashlib
import json
import stat
import tomllib
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from parvis_local import databases, secret_files
from parvis_local.credentials import DATABASES
from parvis_local.secret_files import Places, SecretsThere, make_secrets
from parvis_local.tools import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("installation") / "secrets"
    make_secrets(made, Places(hosts=("portal.test", "files.test"), smtp="smtp://relay.test:587"))
    return made


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def read(folder, name):
    return (folder / name).read_text().strip()


def test_the_folder_is_its_owners_and_only_what_containers_read_is_readable(folder):
    assert mode(folder) == 0o700
    private = {path.name for path in folder.iterdir() if mode(path) == 0o400}
    assert private == {"setup_token", "ca.key.pem"}
    assert {mode(path) for path in folder.iterdir() if path.name not in private} == {0o644}


def test_no_two_secrets_are_alike_and_none_is_short(folder):
    passwords = [
        urlsplit(read(folder, f"{name}_{kind}_url")).password
        for name in DATABASES
        for kind in ("database", "migration", "nats")
    ]
    passwords += [
        read(folder, name) for name in ("database_superuser", "web_client_secret", "setup_token", "store_secret_key")
    ]
    assert len(set(passwords)) == len(passwords)
    assert all(len(each) >= 32 for each in passwords)


def test_what_depends_on_another_fits_it(folder):
    assert hashlib.sha256(read(folder, "setup_token").encode()).hexdigest() == read(folder, "setup_token_sha256")
    for name in ("nats_url", *(f"{service}_nats_url" for service in DATABASES)):
        assert urlsplit(read(folder, name)).password in read(folder, "nats_users.conf")
    [identity] = json.loads(read(folder, "store_identities.json"))["identities"]
    assert identity["credentials"] == [
        {"accessKey": read(folder, "store_access_key"), "secretKey": read(folder, "store_secret_key")}
    ]
    assert len(bytes.fromhex(tomllib.loads(read(folder, "store_security.toml"))["s3"]["sse"]["kek"])) == 32


def test_the_public_certificate_names_both_hosts_and_fits_its_key(folder):
    certificate = x509.load_pem_x509_certificate((folder / "public.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "public.key.pem").read_bytes(), None)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["portal.test", "files.test"]
    assert certificate.public_key() == key.public_key()


def test_each_service_has_a_certificate_of_the_authority(folder):
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    for name in secret_files.IDENTITIES:
        x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes()).verify_directly_issued_by(authority)


def test_nothing_is_overwritten(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SecretsThere, match="nothing was changed"):
        make_secrets(folder, Places())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_single_file_that_is_there_is_enough_to_refuse(tmp_path):
    (tmp_path / "ca.key.pem").touch()
    with pytest.raises(SecretsThere):
        make_secrets(tmp_path, Places())
    assert [path.name for path in tmp_path.iterdir()] == ["ca.key.pem"]


def test_only_what_is_missing_is_made_and_fits_what_was_there(tmp_path):
    make_secrets(tmp_path, Places())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("nats_users.conf", "setup_token_sha256", "billing.pem"):
        (tmp_path / name).unlink()
    made = {name for name, _ in make_secrets(tmp_path, Places(), missing=True)}
    assert made == {"nats_users.conf", "setup_token_sha256", "billing.pem", "billing.key.pem"}
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"billing.pem", "billing.key.pem"}


def test_the_authority_stays_where_its_key_is_kept_elsewhere(tmp_path):
    make_secrets(tmp_path, Places())
    (tmp_path / "ca.key.pem").unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert make_secrets(tmp_path, Places(), missing=True) == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_certificate_that_nobody_can_sign_is_asked_for_and_nothing_is_changed(tmp_path, capsys):
    make_secrets(tmp_path, Places())
    for name in ("ca.key.pem", "billing.key.pem", "web_client_secret"):
        (tmp_path / name).unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["secrets", "--out", str(tmp_path), "--missing"]) == 1
    assert (
        "no certificate of billing, and no ca.key.pem to sign one with: nothing was changed" in capsys.readouterr().out
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_setup_token_is_not_made_where_its_hash_is_that_of_another(tmp_path):
    make_secrets(tmp_path, Places())
    (tmp_path / "setup_token").unlink()
    assert make_secrets(tmp_path, Places(), missing=True) == []


def test_what_containers_read_is_written_into_by_its_owner(tmp_path):
    make_secrets(tmp_path, Places())
    (tmp_path / "nats_url").chmod(0o444)  # of an earlier release
    make_secrets(tmp_path, Places(), missing=True)
    assert {mode(path) & 0o200 for path in tmp_path.iterdir() if path.name not in ("setup_token", "ca.key.pem")} == {
        0o200
    }


def test_services_that_shared_a_user_of_nats_get_their_own_and_the_shared_one_stays(tmp_path):
    make_secrets(tmp_path, Places())
    (tmp_path / "billing_nats_url").unlink()
    shared, list_of_users = read(tmp_path, "nats_url"), tmp_path / "nats_users.conf"
    list_of_users.chmod(0o600)
    list_of_users.write_text("of the release before")
    mounted = list_of_users.stat().st_ino
    made = {name for name, _ in make_secrets(tmp_path, Places(), missing=True)}
    assert made == {"billing_nats_url", "nats_users.conf"}
    assert read(tmp_path, "nats_url") == shared
    assert urlsplit(shared).password in list_of_users.read_text()
    assert (mode(list_of_users), list_of_users.stat().st_ino) == (0o644, mounted)


def test_the_command_says_what_each_file_is_and_shows_none(tmp_path, capsys):
    assert main(["secrets", "--out", str(tmp_path / "made"), "--hosts", "a.test, b.test"]) == 0
    said = capsys.readouterr().out
    for path in (tmp_path / "made").iterdir():
        assert path.name in said
        assert path.read_text().strip() not in said
    assert main(["secrets", "--out", str(tmp_path / "made")]) == 1
    assert "nothing was changed" in capsys.readouterr().out
    assert main(["secrets", "--out", str(tmp_path / "made"), "--missing"]) == 0
    assert "is complete" in capsys.readouterr().out


def test_databases_are_not_made_without_their_secrets(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(databases.main, "__defaults__", (tmp_path,))
    assert main(["databases"]) == 1
    assert "The secret database_superuser is missing" in capsys.readouterr().err


def test_databases_say_when_postgresql_cannot_be_reached(folder, monkeypatch):
    monkeypatch.setenv("PARVIS_DATABASE_SERVER", "127.0.0.1:1")
    with pytest.raises(ValueError, match=r"PostgreSQL at 127\.0\.0\.1:1 cannot be reached"):
        databases.main(folder)


def test_folders_that_compose_left_in_place_of_files_are_no_secrets(tmp_path):
    (tmp_path / "nats_url").mkdir()
    (tmp_path / "ca.pem").mkdir()
    make_secrets(tmp_path, Places())
    assert (tmp_path / "nats_url").is_file()
    assert (tmp_path / "ca.pem").is_file()


def test_a_start_without_secrets_says_which_are_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("parvis_local.tools._MOUNTED", tmp_path)
    (tmp_path / "good").write_text("n1jZ")
    assert main(["prepared"]) == 0
    (tmp_path / "nats_users.conf").mkdir()
    (tmp_path / "store_security").touch()
    assert main(["prepared"]) == 1
    assert "missing: nats_users.conf, store_security" in capsys.readouterr().out


def test_what_is_empty_is_named_and_nothing_is_made_of_it(tmp_path):
    make_secrets(tmp_path, Places())
    (tmp_path / "setup_token").chmod(0o600)
    for name in ("setup_token", "billing_nats_url", "notify.pem"):
        (tmp_path / name).write_text("\n")
    for name in ("setup_token_sha256", "nats_users.conf"):
        (tmp_path / name).unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SecretsThere, match=f"billing_nats_url, setup_token, notify.pem: empty in {tmp_path}"):
        make_secrets(tmp_path, Places(), missing=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_token_that_was_used_may_be_emptied(tmp_path):
    make_secrets(tmp_path, Places())
    (tmp_path / "setup_token").chmod(0o600)
    (tmp_path / "setup_token").write_text("")
    assert make_secrets(tmp_path, Places(), missing=True) == []


@pytest.mark.parametrize("url", ["junk", "nats://nats:4222", "nats://parvis@nats:4222", "nats://[", "nats://:a@nats:1"])
@pytest.mark.parametrize("name", ["nats_url", "billing_nats_url"])
def test_nobody_gets_a_user_without_a_name_and_a_password(tmp_path, name, url):
    make_secrets(tmp_path, Places())
    (tmp_path / name).write_text(url)
    (tmp_path / "nats_users.conf").unlink()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=f"^{name} is no address such as nats://user:password@host"):
        make_secrets(tmp_path, Places(), missing=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "content", "missing", "says"),
    [
        ("setup_token_sha256", "guess", "anchor_keys", "setup_token_sha256 is no SHA-256"),
        ("public.key.pem", "guess", "public.pem", "public.key.pem is no key without a password"),
    ],
)
def test_what_is_broken_is_named(tmp_path, name, content, missing, says):
    make_secrets(tmp_path, Places())
    (tmp_path / name).write_text(content)
    (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match=says):
        make_secrets(tmp_path, Places(), missing=True)
    assert not (tmp_path / missing).exists()


@pytest.mark.parametrize("told", ["host:99999", "host:0", "a:1,b:65536", "a:1,", "a"])
@pytest.mark.parametrize("name", ["postgres", "nats"])
def test_a_port_that_is_none_is_refused(name, told):
    with pytest.raises(ValueError, match=f"--{name} is HOST:PORT"):
        Places(**{name: told})


def test_several_servers_are_taken():
    assert Places(postgres="a:5432,[::1]:65535").postgres == "a:5432,[::1]:65535"


@pytest.mark.parametrize("renewing", ["--renew-certificates", "--new-authority"])
def test_new_certificates_with_something_else_are_refused(tmp_path, capsys, renewing):
    typed = ["secrets", "--out", str(tmp_path), renewing, "--missing", "--hosts", "portal.test"]
    assert main(typed) == 1
    assert "--missing, --hosts: not with new certificates, which change nothing else" in capsys.readouterr().err
