"""The fast transport, which posts to @connections over its own sockets, in one loop."""
