"""Market data of a session: sockets and polls in, ordered events out."""
