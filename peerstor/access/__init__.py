"""Who may do what: rights and principals."""
