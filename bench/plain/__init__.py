"""The application that this project's app is compared with."""
