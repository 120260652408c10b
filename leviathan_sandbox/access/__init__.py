"""Who may do what in the sandbox: identities, tokens, role-based access control."""
