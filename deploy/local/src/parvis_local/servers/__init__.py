"""The real servers of the suite, each from its wheel."""
