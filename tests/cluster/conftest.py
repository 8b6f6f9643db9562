"""Tests share modules beside them, and journeys of people with the chaos tests."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "chaos")]
