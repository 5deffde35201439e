"""What a prompt asks for: words that suggest a composition, colours or a mood. English and French, singular and plural.

Words we do not know still matter: they seed the chance that decides the rest.
"""

import re
import unicodedata
from dataclasses import dataclass

# composition: its words
_SUBJECTS = {
    "landscape": (
        "mountain hill peak alps valley landscape lake horizon ridge fog mist dusk dawn sunrise "
        "sunset evening morning view countryside river snow winter montagne colline sommet vallee "
        "paysage lac brume brouillard aube crepuscule aurore soir matin neige hiver riviere desert "
        "dune sable sand sahara canyon field lavender provence champ lavande champs village"
    ),
    "waves": (
        "sea ocean wave water beach harbour harbor coast boat ship sail tide storm surf island fish "
        "whale mer vague eau plage port cote bateau navire voile maree tempete ile poisson baleine"
    ),
    "forest": (
        "forest tree wood pine jungle grove leaf birch deer foret arbre bois pin sapin bosquet "
        "feuille cerf autumn automne fern fougere"
    ),
    "city": (
        "city town street skyline building tower window car traffic cyberpunk neon tokyo paris "
        "metropolis ville rue immeuble tour fenetre voiture metropole house maison rain pluie"
    ),
    "nebula": (
        "space galaxy star nebula planet cosmos universe moon astronaut comet orbit rocket dream "
        "espace galaxie etoile nebuleuse planete univers lune comete orbite fusee reve milky"
    ),
    "glass": (
        "glass church cathedral mosaic crystal gem stained jewel ice diamond kaleidoscope verre "
        "vitrail eglise cathedrale mosaique cristal gemme bijou glace diamant butterfly papillon"
    ),
    "poster": (
        "poster geometry geometric bauhaus abstract circle square triangle shape modern art music "
        "jazz machine robot clock piano affiche geometrie geometrique abstrait cercle carre forme "
        "moderne musique horloge"
    ),
    "garden": (
        "flower garden rose tulip bloom petal bouquet meadow spring blossom sunflower daisy bee fleur "
        "jardin tulipe petale prairie printemps tournesol marguerite abeille cherry cerisier orchid "
        "lotus"
    ),
    "flow": (
        "wind hair smoke silk flow dance fire flame feather energy magnetic dragon phoenix vent "
        "cheveux fumee soie flux danse feu flamme plume energie bird oiseau fox renard cat chat horse "
        "cheval lava lave aurora"
    ),
}
# Words for a time, a weather or a place in something: they decide the composition only where no other word does.
_WEAK = (
    "dusk dawn sunrise sunset evening morning aube crepuscule aurore soir matin snow winter neige hiver fog "
    "mist brume brouillard storm tempete tide neon rain pluie window fenetre moon lune dream reve ice glace "
    "spring printemps autumn automne wind vent fire flame feu flamme smoke fumee modern moderne art"
)
_PALETTES = {
    "dusk": "dusk sunset evening crepuscule soir coucher romantic romantique sun soleil",
    "dawn": "dawn sunrise morning aube aurore matin calm calme quiet soft doux peace paix hope espoir",
    "sea": (
        "sea ocean water wave beach harbour harbor coast mer vague eau plage port cote lagoon whale "
        "baleine island ile"
    ),
    "forest": "forest tree wood jungle foret arbre bois pine sapin",
    "moss": "moss fern meadow swamp mousse fougere prairie hill colline tea matcha",
    "night": "night midnight star moon nuit minuit etoile lune dream reve sleep sommeil owl",
    "fire": "fire flame lava volcano feu flamme lave volcan dragon phoenix anger colere hot",
    "desert": "desert dune sand sahara canyon sable clay argile mars",
    "snow": "snow ice winter frost glacier neige glace hiver givre cold froid arctic",
    "spring": "spring blossom cherry garden flower printemps jardin fleur cerisier bloom joy joie happy",
    "autumn": "autumn leaf automne feuille fox renard harvest pumpkin",
    "neon": "neon cyberpunk tokyo electric synthwave disco electrique robot future futur laser",
    "ink": (
        "ink paper sketch encre papier zen haiku calligraphy old vieux fog brouillard silence sad triste"
    ),
    "primary": "bauhaus poster geometric geometry affiche geometrique jazz toy jouet modern moderne",
    "storm": "storm rain thunder lightning tempete pluie orage eclair wind vent grim sombre dark",
    "candy": "candy bonbon sweet cake balloon ballon unicorn licorne party fete child enfant",
    "gold": "gold golden treasure honey tresor miel dore king roi queen reine cathedral cathedrale",
    "lavender": "lavender lavande violet lilac lilas provence magic magie",
}
# colour word: its hue, 0 to 1
_HUES = {
    0.99: "red rouge scarlet crimson ruby rubis",
    0.07: "orange copper cuivre rust rouille",
    0.13: "yellow jaune amber ambre lemon citron",
    0.35: "green vert verte emerald emeraude lime",
    0.48: "teal turquoise cyan aqua",
    0.6: "blue bleu bleue azure azur sapphire cobalt indigo",
    0.76: "purple violet pourpre mauve",
    0.91: "pink rose magenta fuchsia",
}
_TRAITS = {
    "night": "night midnight star starry moon dark nuit minuit etoile etoilee lune sombre neon cyberpunk",
    "mist": "mist fog haze cloud brume brouillard nuage smoke fumee",
    "water": "lake river sea reflection harbour harbor water lac riviere mer reflet port eau pluie rain",
    "snow": "snow winter ice neige hiver glace",
    "sun": "sun sunset sunrise dusk dawn soleil aube crepuscule aurore",
    "rain": "rain storm pluie tempete orage",
    "moon": "moon lune night nuit",
    "dunes": "desert dune sand sahara sable mars",
    "boat": "boat ship sail harbour harbor bateau navire voile port",
    "trees": "forest tree pine wood foret arbre sapin bois deer cerf cabin",
    "daisy": "daisy marguerite sunflower tournesol",
    "rose": "rose roses peony pivoine",
    "tulip": "tulip tulipe",
    "poppy": "poppy coquelicot anemone",
    "ring": "ring anneau saturn saturne",
    "planet": "planet planete orbit orbite saturn mars",
}


@dataclass(frozen=True)
class Wish:
    """What the words of a prompt suggest, in their order; nothing when they are all unknown."""

    subjects: tuple[str, ...]
    palettes: tuple[str, ...]
    hues: tuple[float, ...]
    traits: frozenset[str]


def _index(table: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, words in table.items():
        for word in words.split():
            found.setdefault(word, []).append(name)
    return found


_FAINT = frozenset(_WEAK.split())
_BY_SUBJECT, _BY_PALETTE, _BY_TRAIT = _index(_SUBJECTS), _index(_PALETTES), _index(_TRAITS)
_BY_HUE = {word: hue for hue, words in _HUES.items() for word in words.split()}


def read(prompt: str) -> Wish:
    """What this prompt suggests."""
    words = [form for word in _split(prompt) for form in _forms(word)]
    strong = tuple(name for word in words if word not in _FAINT for name in _BY_SUBJECT.get(word, ()))
    return Wish(
        strong or tuple(name for word in words for name in _BY_SUBJECT.get(word, ())),
        tuple(name for word in words for name in _BY_PALETTE.get(word, ())),
        tuple(_BY_HUE[word] for word in words if word in _BY_HUE),
        frozenset(name for word in words for name in _BY_TRAIT.get(word, ())),
    )


def _split(prompt: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", prompt).casefold()
    return re.findall(r"[^\W\d_]+", "".join(each for each in plain if not unicodedata.combining(each)))


def _forms(word: str) -> list[str]:
    """The word, and what it could be the plural or another form of, the first that is known."""
    known = (_BY_SUBJECT, _BY_PALETTE, _BY_TRAIT, _BY_HUE)
    endings = [word, *(word.removesuffix(end) + stem for end, stem in _ENDINGS if word.endswith(end))]
    return [form for form in endings if any(form in table for table in known)][:1]


_ENDINGS = (
    ("s", ""),
    ("x", ""),
    ("es", ""),
    ("ves", "f"),
    ("ies", "y"),
    ("y", ""),
    ("ing", ""),
    ("ing", "e"),
    ("ed", ""),
)
