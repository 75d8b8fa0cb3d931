"""The framework: what ships to Lambda with an application."""
