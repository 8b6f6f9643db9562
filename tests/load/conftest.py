"""The people of these tests stand beside them; figures are shown as benches show theirs, failures counted as while
services are replaced.
"""

import sys
from pathlib import Path

for folder in ("bench", "upgrade", "load"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))
