"""The console: the page, and the HTTP interface behind it."""
