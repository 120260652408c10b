"""The client side of identity, against a real auth server."""
