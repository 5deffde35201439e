"""What the demo registers: the gallery's scopes with their sentences, four apps, three people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# name: (English, French); both go on with "… wants to".
SCOPES = {
    "profile:read": ("see your gallery profile", "voir votre profil dans la galerie"),
    "profile:write": ("change your gallery profile", "modifier votre profil dans la galerie"),
    "images:read": ("see your images", "voir vos images"),
    "images:write": (
        "add, rename, share and delete your images",
        "ajouter, renommer, partager et supprimer vos images",
    ),
    "gallery:read": ("see your galleries", "voir vos galeries"),
    "gallery:write": (
        "make, change, share and delete your galleries",
        "créer, modifier, partager et supprimer vos galeries",
    ),
    "credits:read": ("see your credits and what they went on", "voir vos crédits et leur emploi"),
    "credits:spend": ("spend your credits", "dépenser vos crédits"),
}
RESERVED = ("openid", "profile", "email", "offline_access")
# Without a person there is no profile and there are no credits.
MACHINE_SCOPES = ("images:read", "images:write", "gallery:read", "gallery:write")

_PERSONAL: dict[str, Any] = {"scopes": (*SCOPES, *RESERVED)}

CLIENTS: dict[str, dict[str, Any]] = {
    "web": _PERSONAL
    | {
        "name": "Photo print",
        "homepage": "http://localhost:3000/",
        "auth_method": "client_secret_post",
        "redirect_uris": ("http://localhost:3000/callback",),
        "grant_types": ("authorization_code", "refresh_token"),
    },
    "spa": _PERSONAL
    | {
        "name": "Desktop viewer",
        "auth_method": "none",
        "redirect_uris": ("http://127.0.0.1/callback",),
        "grant_types": ("authorization_code", "refresh_token"),
        "origins": ("http://127.0.0.1:3000", "http://localhost:3000"),
    },
    "first_party": _PERSONAL
    | {
        "name": "Gallery app",
        "auth_method": "client_secret_post",
        "grant_types": ("password", "refresh_token"),
        "first_party": True,
    },
    "machine": {
        "name": "Nightly backup",
        "auth_method": "client_secret_basic",
        "grant_types": ("client_credentials",),
        "scopes": MACHINE_SCOPES,
    },
}


@dataclass(frozen=True)
class Person:
    """Somebody to sign in as."""

    email: str
    name: str
    admin: bool = False


PEOPLE = {
    "ana": Person("ana@example.com", "Ana"),
    "bruno": Person("bruno@example.com", "Bruno"),
    "admin": Person("admin@example.com", "Administrator", admin=True),
}

# Passwords are four of these, drawn for each demo: easy to type, and nobody else's.
_WORDS = (
    "acorn amber anchor apricot autumn badger bamboo beacon birch bramble breeze bridge candle canyon "
    "cedar cherry cinder clover cobalt comet copper coral cotton cricket crystal dapple desert dolphin "
    "dragon ember falcon feather fennel fern ferry fiddle flannel forest fossil garnet ginger glacier "
    "granite harbor hazel heron hollow honey indigo island ivory jasmine juniper kettle lagoon lantern "
    "lavender lemon linen lobster magnet maple marble meadow mellow mirror mosaic nectar nutmeg oasis "
    "olive onyx orchard otter paper parsley pebble pepper pigeon plum poplar prairie pumpkin quartz "
    "rabbit raven ribbon river rocket rowan saddle saffron sailor salmon sapphire shadow silver sparrow "
    "spruce summit sunset tanager thistle thunder timber topaz tulip velvet violet walnut willow winter "
    "wombat yarrow zephyr "
)
WORDS = tuple(_WORDS.split())
