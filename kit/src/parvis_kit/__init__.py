"""What two services or more need and that knows no business word."""
