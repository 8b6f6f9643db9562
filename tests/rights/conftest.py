"""Rights: the rules as written, an engine of others, and the product's evaluators are asked the same questions."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
