"""Signing keys, the key set they are published in, and the verifier of the tokens they sign.

    from keys import Verifier
    verifier = Verifier("https://auth.example.org", "https://api.example.org")
    token = verifier.verify(text)          # an AccessToken, or an error that says why

A leaf: it imports neither of the services that stand on it, no database, and FastAPI only in `keys.fastapi`.
"""
