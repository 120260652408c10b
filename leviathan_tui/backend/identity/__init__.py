"""Who is acting: login at the auth server, the saved session, and the token of each request."""
