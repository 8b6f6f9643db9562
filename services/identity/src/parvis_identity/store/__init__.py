"""All SQL of identity. Every function takes the unit of work."""
