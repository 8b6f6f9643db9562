"""`python -m parvis_identity`."""

from parvis_identity.main import main

main()
