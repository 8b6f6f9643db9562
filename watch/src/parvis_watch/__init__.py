"""What whoever runs the suite sees of it: logs, metrics and traces of every process. Imports nothing of ours."""
