"""“Patrimonia”, an invented product: a small real relying party, to show that one login opens everything."""
