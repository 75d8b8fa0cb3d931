"""One message, many posts, a report."""
