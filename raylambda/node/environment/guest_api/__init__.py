"""Guest API."""
