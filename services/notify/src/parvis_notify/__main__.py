"""`python -m parvis_notify`."""

from parvis_notify.main import main

main()
