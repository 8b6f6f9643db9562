"""SAML 2.0 without a database: messages and metadata are read, checked and written here; `service.sso` knows whose."""
