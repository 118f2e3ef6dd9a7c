"""What `upa-cds` does beside answering: each module reads its arguments, calls, and chooses an exit code."""
