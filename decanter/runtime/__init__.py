"""The framework, which ships to Lambda with an application."""
