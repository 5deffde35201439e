"""HTTP: reads a request, runs a short transaction, asks a room below, writes a response. Decides nothing itself."""
