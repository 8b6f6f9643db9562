"""What firms' directories do over SCIM: nobody's act, a directory is let in by a token of its firm."""
