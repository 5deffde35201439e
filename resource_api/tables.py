"""Every table of the service, by importing the modules they live in. Nothing is defined here."""

from . import credits, idempotency, ownership, profile, shares, storage
from .database import metadata

__all__ = ["credits", "idempotency", "metadata", "ownership", "profile", "shares", "storage"]
