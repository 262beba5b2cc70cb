"""Results that can be made anew, kept on disk by what they were made of: never the only copy of anything."""
