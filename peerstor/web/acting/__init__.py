"""What people do with entries by plain pages and forms."""
