"""Share links: what each allows, to whom, how often, and for how long."""
