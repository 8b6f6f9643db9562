"""« de » and « que » before what is filled into a translation (`parvis_french`)."""

import re
from collections.abc import Mapping

from parvis_french import SHORTENED, shortened

_BEFORE_NAME = re.compile(SHORTENED + r"%\((?P<name>\w+)\)s")


def elided(text: str, values: Mapping[str, object]) -> str:
    """A French message before its `%(name)s` are filled in, with « d’ » and « qu’ » where the values want them."""

    def chosen(found: re.Match[str]) -> str:
        name = found["name"]
        return shortened(found["word"], found["space"], str(values.get(name, ""))) + f"%({name})s"

    return _BEFORE_NAME.sub(chosen, text)
