"""Chart review: were the warnings right? A random sample of issued cards, and what reviewers found, as a share.

See GO-LIVE.md in `service/deploy`.
"""
