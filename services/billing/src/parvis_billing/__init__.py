"""Invoices, their numbers and their documents."""
