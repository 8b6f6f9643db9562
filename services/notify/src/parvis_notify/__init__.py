"""Templates, messages, their sending and their history."""
