"""Who calls: the EHRs that a site trusts, their keys, and the JWTs that they sign."""
