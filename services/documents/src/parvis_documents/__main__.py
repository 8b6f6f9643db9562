"""`python -m parvis_documents`."""

from parvis_documents.main import main

main()
