"""An upload as one record: ledger, parts, sink and the engine that every upload protocol is a face on."""
