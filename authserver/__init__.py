"""An OAuth 2.0 authorization server: signs people in, asks consent, issues short-lived JWT access tokens."""
