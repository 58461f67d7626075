"""What analyses recordings for the embedded service."""
