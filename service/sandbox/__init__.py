"""The order-entry page /sandbox: try the service on synthetic patients, with real calls. See README.md."""
