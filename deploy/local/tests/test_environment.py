"""What a service is told is what the catalogue says, unless somebody says otherwise."""

import json

from parvis_local.credentials import load_or_make
from parvis_local.environment import service_environment
from parvis_local.layout import Layout
from parvis_local.ports import Ports


def test_a_file_of_the_data_folder_tells_all_services_or_one_something_else(tmp_path):
    layout, ports = Layout(tmp_path), Ports(9100)
    layout.make()
    secrets = load_or_make(layout)
    layout.variables.write_text(json.dumps({"*": {"PARVIS_LOG_LEVEL": "debug"}, "web": {"PARVIS_INSTANCE": "mine"}}))
    web, billing = (service_environment(service, layout, ports, secrets) for service in ("web", "billing"))
    assert (web["PARVIS_LOG_LEVEL"], web["PARVIS_INSTANCE"]) == ("debug", "mine")
    assert (billing["PARVIS_LOG_LEVEL"], billing["PARVIS_INSTANCE"]) == ("debug", "parvis-9100")
