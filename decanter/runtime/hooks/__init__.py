"""What an application may switch on."""
