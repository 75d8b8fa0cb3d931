"""The application that ours is compared with."""
