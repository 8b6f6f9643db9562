"""The main job, steps 1 and 2, in a browser against the suite in containers: the tests of tests/e2e, as they are."""

from test_main_job import *  # noqa: F403
