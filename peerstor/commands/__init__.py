"""What is done to a storage from the command line, beside serving it."""
