"""The provider's HTTP API: authentication, transport, requests."""
