"""The main job, step 5, in a browser against the suite in containers: the tests of tests/e2e, as they are."""

from test_main_job_two_firms import *  # noqa: F403
