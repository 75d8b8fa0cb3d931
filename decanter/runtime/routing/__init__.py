"""From an event to the function that answers it."""
