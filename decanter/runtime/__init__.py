"""The part of the framework that is packaged for Lambda with an application."""
