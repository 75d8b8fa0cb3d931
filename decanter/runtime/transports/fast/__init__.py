"""Posts to @connections over its own sockets, from one loop."""
