"""System for Cross-domain Identity Management (SCIM 2.0, RFC 7643 and 7644): what a firm's directory may say of its
people, and how. Pure rules; nothing here knows an account.
"""
