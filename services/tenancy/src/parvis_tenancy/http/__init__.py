"""The REST interface of tenancy, for products: AuthZEN ⇄ arguments of the use cases."""
