"""Select the function that handles an event."""
