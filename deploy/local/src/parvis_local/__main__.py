"""`python -m parvis_local`: what ./parvis hands over to. Interrupted while it is being read, it ends as quietly."""

import sys

try:
    from parvis_local.command import main

    main()
except KeyboardInterrupt:
    sys.exit(130)
