"""The framework, which is packaged for Lambda with an application."""
