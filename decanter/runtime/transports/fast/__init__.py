"""Posts to @connections over sockets of its own, in one loop."""
