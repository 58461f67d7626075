"""What the outside world can reach: deliveries in, shared recordings out."""
