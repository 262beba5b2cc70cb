"""The faces of share links: for whoever makes them, and for whoever has one."""
