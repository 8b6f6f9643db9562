"""Pages and OpenID endpoints ⇄ arguments of the use cases."""
