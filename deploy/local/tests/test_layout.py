"""The folder of a suite: what is secret is its owner's alone."""

from parvis_local.layout import Layout


def modes(layout):
    return {path.name: path.stat().st_mode & 0o777 for path in (layout.secrets, *layout.secrets.iterdir())}


def test_secrets_that_all_could_read_are_closed_at_each_start(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.make()
    for name, mode in {"ca.key.pem": 0o644, "credentials.json": 0o666, "ca.pem": 0o400}.items():
        (layout.secrets / name).touch()
        (layout.secrets / name).chmod(mode)
    layout.secrets.chmod(0o755)
    layout.make()
    assert modes(layout) == {"secrets": 0o700, "ca.key.pem": 0o600, "credentials.json": 0o600, "ca.pem": 0o400}


def test_secrets_are_closed_from_the_first_start_on(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.make()
    assert modes(layout) == {"secrets": 0o700}
