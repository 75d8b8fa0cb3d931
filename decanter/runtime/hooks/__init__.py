"""Optional hooks that an application can declare."""
