"""Fan-out: one message, many posts, a report."""
