"""What the service counts for Prometheus. See README.md."""
