// Entry of the listing's scripts.
