"""`python -m parvis_tenancy`."""

from parvis_tenancy.main import main

main()
