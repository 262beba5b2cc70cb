"""What can be wrong with a machine, a storage or a set of options, each looked at by a function of its own."""
