"""All SQL of documents, by entity. Every function takes the unit of work, which carries the organisation."""
