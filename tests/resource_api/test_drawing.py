"""Drawing: the same words and seed give the same picture anywhere, other words another one, and it is quick."""

import hashlib
import io
import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from resource_api import drawing
from resource_api.drawing import colours, scene, words

PROMPTS = {
    "landscape": "mountains and a lake",
    "waves": "the ocean",
    "forest": "birch grove",
    "city": "tokyo skyline",
    "nebula": "a galaxy",
    "glass": "stained glass",
    "poster": "bauhaus poster",
    "garden": "tulips",
    "flow": "silk and smoke",
}
SCRIPT = """
import hashlib, sys
from resource_api import drawing
for prompt in sys.argv[1:]:
    print(hashlib.sha256(drawing.paint(prompt, 7, (256, 192)).tobytes()).hexdigest())
print(hashlib.sha256(drawing.draw("a harbour at dusk", 7).content).hexdigest())
"""


def test_every_composition_is_drawn_alike_in_another_process() -> None:
    here = [
        hashlib.sha256(drawing.paint(prompt, 7, (256, 192)).tobytes()).hexdigest()
        for prompt in PROMPTS.values()
    ]
    here.append(hashlib.sha256(drawing.draw("a harbour at dusk", 7).content).hexdigest())
    root = str(Path(drawing.__file__).resolve().parents[2])
    there = subprocess.run(
        [sys.executable, "-c", SCRIPT, *PROMPTS.values()],
        env={"PYTHONPATH": root, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout.split()
    assert there == here


def test_every_composition_is_asked_for_by_its_words() -> None:
    assert set(PROMPTS) == set(drawing.PAINTERS)
    for subject, prompt in PROMPTS.items():
        assert set(words.read(prompt).subjects) == {subject}


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("a calm sea at dawn", "waves"),
        ("stained glass window full of flowers", "glass"),
        ("a snowy city", "city"),
        ("autumn forest with a red sun", "forest"),
        ("coucher de soleil sur la montagne", "landscape"),
        ("snow at dusk", "landscape"),
    ],
)
def test_things_count_more_than_their_weather(prompt: str, subject: str) -> None:
    chance = scene.chance(prompt, 1)
    assert {scene.subject(words.read(prompt), tuple(drawing.PAINTERS), chance) for _ in range(20)} == {
        subject
    }


def test_different_prompts_look_different() -> None:
    small = {prompt: drawing.paint(prompt, 1, (256, 192)).resize((32, 24)) for prompt in PROMPTS.values()}
    small |= {
        prompt: drawing.paint(prompt, 1, (256, 192)).resize((32, 24)) for prompt in ("red sea", "blue sea")
    }
    for (one, a), (other, b) in itertools.combinations(small.items(), 2):
        assert _distance(a, b) > 12, (one, other)


def test_another_seed_gives_another_picture() -> None:
    one, other = (drawing.paint("mountains", seed, (256, 192)).resize((32, 24)) for seed in (1, 2))
    assert _distance(one, other) > 5


@pytest.mark.parametrize("prompt", PROMPTS.values())
def test_a_picture_is_rich_and_of_the_promised_size(prompt: str) -> None:
    picture = drawing.draw(prompt, 2)
    image = Image.open(io.BytesIO(picture.content))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (1024, 768))
    assert (picture.media_type, picture.width, picture.height) == ("image/png", 1024, 768)
    assert sum(ImageStat.Stat(image).stddev) / 3 > 20
    assert len(image.reduce(4).getcolors(100_000) or ()) > 500


def test_colour_words_decide_the_colour() -> None:
    for word, band in (("red", 0), ("rouge", 0), ("green", 1), ("blue", 2), ("bleue", 2)):
        means = [ImageStat.Stat(drawing.paint(f"{word} waves", seed, (128, 96))).mean for seed in range(3)]
        for mean in means:
            assert mean.index(max(mean)) == band, (word, mean)


@pytest.mark.parametrize(
    "prompt", ["x", "\u00e9" * 500, "日本の山", "🌋🌊", "a" * 500, "' OR 1=1 --", "the", "%s {0} \\n", "ﬁre"]
)
@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_any_words_and_seed_draw_something(prompt: str, seed: int) -> None:
    image = drawing.paint(prompt, seed, (160, 120))
    assert image.size == (160, 120)


def test_words_are_known_in_english_and_french_without_accents_or_number() -> None:
    for forms in (
        ("sea", "mer"),
        ("leaves", "feuille", "feuilles"),
        ("city", "cities", "ville"),
        ("forêt", "FOREST"),
    ):
        read = [words.read(form) for form in forms]
        assert all(each.subjects == read[0].subjects and each.subjects for each in read), forms


def test_every_palette_runs_from_dark_to_light() -> None:
    for name, palette in colours.PALETTES.items():
        assert sum(palette.at(0.0)) < sum(palette.at(0.5)) < sum(palette.at(1.0)), name


def test_every_word_points_at_something_that_exists() -> None:
    every = {
        word
        for table in (words._SUBJECTS, words._PALETTES)
        for text in table.values()
        for word in text.split()
    }
    for word in sorted(every):
        wish = words.read(word)
        assert wish.subjects or wish.palettes, word
        assert set(wish.subjects) <= set(drawing.PAINTERS)
        assert set(wish.palettes) <= set(colours.PALETTES)
    for _, fitting in drawing.PAINTERS.values():
        assert set(fitting) <= set(colours.PALETTES)


def test_chance_is_of_prompt_and_seed_together() -> None:
    seen = {scene.chance(prompt, seed).random() for prompt in ("a", "b", "1\na") for seed in (0, 1, 2)}
    assert len(seen) == 9


def test_no_picture_takes_long() -> None:
    """Half a second is usual; a machine under load may take some times that, a runaway composition takes far more."""
    for prompt in PROMPTS.values():
        started = time.process_time()
        drawing.draw(prompt, 3)
        assert time.process_time() - started < 3.0, prompt


def _distance(one: Image.Image, other: Image.Image) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3
