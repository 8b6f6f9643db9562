"""Runs the whole suite on one machine from wheels: one command, real components."""
