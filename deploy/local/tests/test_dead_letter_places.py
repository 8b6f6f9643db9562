"""Where the image of tools finds dead letters."""

import pytest

from parvis_local.dead_letters import Place


def test_databases_and_broker_are_those_of_the_mounted_secrets(tmp_path):
    for name in ("notify_database_url", "web_database_url", "nats_url"):
        (tmp_path / name).write_text(f"the {name}\n")
    place = Place.of_secrets(tmp_path)
    assert place == Place({"notify": "the notify_database_url"}, "the nats_url")  # the pages hear no event


def test_without_secrets_it_says_what_to_mount(tmp_path):
    with pytest.raises(ValueError, match="nats_url: mount these secrets"):
        Place.of_secrets(tmp_path)
