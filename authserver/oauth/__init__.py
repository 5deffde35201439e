"""The protocol: OAuth 2.0 as its RFCs say it, spoken through Authlib.

Nothing here has heard of FastAPI, and nothing outside this folder imports Authlib. A verb takes the
process-wide `context.OAuth`, a SQLAlchemy session and plain values; `authserver/web` turns HTTP into a
`messages.Request` and a `messages.Answer` back into HTTP. A table lives with the verbs that may touch it.
"""
