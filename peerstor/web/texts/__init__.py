"""What pages and their scripts say in other languages than English; the folders beside hold a catalogue each."""
