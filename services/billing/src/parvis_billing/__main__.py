"""`python -m parvis_billing`."""

from parvis_billing.main import main

main()
