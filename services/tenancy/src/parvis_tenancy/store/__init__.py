"""All SQL of tenancy. Every function takes the unit of work, which carries the organisation.

Statements name the organisation although the policies do too: the indexes, which begin with it, are used, and the
two checks are independent.
"""
