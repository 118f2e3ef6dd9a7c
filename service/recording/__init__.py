"""Recordings of hook calls: their format, how they are taken, de-identified, proven clean and made from other files."""
