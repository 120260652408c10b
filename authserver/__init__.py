"""The JWT authentication server: users, groups, sessions, RFC 7519 tokens."""
