"""The dashboard: what the cards did, what clinicians did with them, and what was not checked, as a page and as CSV."""
