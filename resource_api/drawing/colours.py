"""Colours: palettes that run from dark to light, and mixing that looks even to the eye (OKLab, Ottosson 2020)."""

import colorsys
from dataclasses import dataclass
from random import Random

Colour = tuple[int, int, int]
_Lab = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """Stops from dark to light, and one accent that stands out from them."""

    stops: tuple[Colour, ...]
    accent: Colour

    def at(self, t: float) -> Colour:
        """The colour at `t`: 0 is the darkest, 1 the lightest."""
        place = min(max(t, 0.0), 1.0) * (len(self.stops) - 1)
        index = min(int(place), len(self.stops) - 2)
        return mix(self.stops[index], self.stops[index + 1], place - index)


def _named(accent: str, *stops: str) -> Palette:
    return Palette(tuple(of(each) for each in stops), of(accent))


def of(text: str) -> Colour:
    """A colour written as six hexadecimal digits."""
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


PALETTES = {
    "dusk": _named("ffe3a3", "1d1433", "4a2558", "a23f68", "ee7d59", "ffc98a"),
    "dawn": _named("ff8f6b", "2c3b57", "5f7396", "b795a8", "f0bfa0", "fdeecb"),
    "sea": _named("ffb56b", "05253a", "0c4766", "1c7c90", "7cc7c0", "f0f4e2"),
    "forest": _named("f2a541", "0d2018", "1d4331", "3f6d49", "93b172", "eeeac6"),
    "night": _named("ffd98a", "060a1c", "111a3d", "27306b", "5a61ab", "c9d3fb"),
    "fire": _named("ffe9a8", "190808", "541212", "ae301c", "ef7a29", "ffdc86"),
    "desert": _named("2f7f86", "391d19", "874630", "cc7c49", "ebb780", "fbe7c6"),
    "snow": _named("e2725b", "22324a", "54718e", "9bb6c9", "d6e4ec", "fcfcf8"),
    "spring": _named("d94f70", "2f4a3c", "6f9f78", "e9a9b3", "f8d9c2", "fffaf0"),
    "autumn": _named("3f6f6a", "261610", "692c19", "b4541f", "e0993b", "f5e3b6"),
    "neon": _named("37e4ec", "0a0a1d", "28144e", "751fa0", "fb3d83", "ffc2a8"),
    "ink": _named("c0392b", "12110f", "3b3935", "7e7a73", "cec7ba", "f6f1e6"),
    "primary": _named("d8342a", "1c1c1a", "1f5ca6", "e0453a", "f2b70b", "f4ebd8"),
    "storm": _named("f4e27a", "10161d", "2b3a47", "546977", "94a6ad", "dfe4df"),
    "candy": _named("3ec6c0", "43295a", "8a4f9e", "e0699b", "f9aeb4", "fff0e2"),
    "gold": _named("2b6f77", "1d150b", "573d16", "a97a24", "e3b857", "fbedc2"),
    "moss": _named("e8794a", "15201f", "2f4a44", "6b8a63", "b9bf7d", "f3eecb"),
    "lavender": _named("f5b84b", "221b3f", "4d4180", "8d78bd", "c9b3dc", "f8eff2"),
}


def around(hues: list[float], chance: Random) -> Palette:
    """A palette about these hues (0 to 1): one gives neighbours of it, more run from the first to the last."""
    first, last = hues[0], hues[-1] if len(hues) > 1 else hues[0] + chance.choice((-0.09, 0.09))
    stops = []
    for index, (light, strong) in enumerate(
        ((0.11, 0.55), (0.26, 0.62), (0.48, 0.6), (0.7, 0.62), (0.92, 0.6))
    ):
        hue = first + (last - first) * index / 4
        stops.append(_hls(hue, light, strong))
    return Palette(tuple(stops), _hls(first + chance.choice((0.42, 0.58)), 0.64, 0.66))


def _hls(hue: float, light: float, strong: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1.0, light, strong)
    return round(red * 255), round(green * 255), round(blue * 255)


def mix(one: Colour, other: Colour, t: float) -> Colour:
    """Between two colours: `t` 0 is the first, 1 the second."""
    a, b = _lab(one), _lab(other)
    return _rgb((a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t))


def shade(colour: Colour, by: float) -> Colour:
    """Lighter for positive `by`, darker for negative; the hue stays."""
    lightness, a, b = _lab(colour)
    return _rgb((min(max(lightness + by, 0.0), 1.0), a, b))


def _linear(value: int) -> float:
    unit = value / 255
    return float(unit / 12.92 if unit <= 0.04045 else ((unit + 0.055) / 1.055) ** 2.4)


def _companded(value: float) -> int:
    value = min(max(value, 0.0), 1.0)
    unit = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return round(unit * 255)


def _lab(colour: Colour) -> _Lab:
    red, green, blue = (_linear(each) for each in colour)
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.793617785 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.428592205 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.808675766 * short,
    )


def _rgb(lab: _Lab) -> Colour:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
    return (
        _companded(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _companded(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _companded(-0.0041960863 * long - 0.7034186147 * middle + 1.707614701 * short),
    )
