"""The application that this project's is compared with."""
