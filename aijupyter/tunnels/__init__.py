"""How the outside world gets to the receiver."""
