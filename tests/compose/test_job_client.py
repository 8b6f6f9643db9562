"""The main job, steps 3 and 4, in a browser against the suite in containers: the tests of tests/e2e, as they are."""

from test_main_job_client import *  # noqa: F403
