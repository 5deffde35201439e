"""What both servers let in, spoken to over plain sockets: no client library would send most of this."""
