"""Generating: one effect and one answer for one Idempotency-Key, and the same image for the same prompt and seed."""

from typing import Any

from .callers import ANA, headers
from .test_credits import check


async def generate(gallery: Any, sub: str, key: str | None = None, **body: Any) -> Any:
    more = {} if key is None else {"Idempotency-Key": key}
    return await gallery.client.post("/images", headers=headers(gallery, sub, **more), json=body)


async def test_a_generated_image_is_there(gallery: Any) -> None:
    response = await generate(gallery, ANA, prompt="a harbour at dusk", seed=7)
    assert response.status_code == 201
    image = response.json()
    assert response.headers["location"] == f"/images/{image['id']}"
    assert (image["title"], image["prompt"], image["seed"]) == ("a harbour at dusk", "a harbour at dusk", 7)
    assert (image["source"], image["access"]) == ("generated", "own")
    assert (
        await gallery.client.get(response.headers["location"], headers=headers(gallery, ANA))
    ).json() == image


async def test_prompt_and_seed_make_the_same_picture_again(gallery: Any) -> None:
    contents = []
    for seed in (7, 7, 8):
        image = (await generate(gallery, ANA, prompt="a harbour", seed=seed)).json()
        response = await gallery.client.get(f"/images/{image['id']}/content", headers=headers(gallery, ANA))
        contents.append(response.content)
    assert contents[0] == contents[1] != contents[2]


async def test_without_a_seed_one_is_chosen_and_told(gallery: Any) -> None:
    seeds = {(await generate(gallery, ANA, prompt="a harbour")).json()["seed"] for _ in range(2)}
    assert len(seeds) == 2


async def test_the_same_key_has_one_effect_and_one_answer(gallery: Any) -> None:
    first = await generate(gallery, ANA, "k-1", prompt="a poster")
    again = await generate(gallery, ANA, "k-1", prompt="a poster")
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers["location"] == again.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert await check(gallery, ANA) == 95


async def test_a_key_is_forgotten_after_a_day(gallery: Any, clock: Any) -> None:
    first = await generate(gallery, ANA, "k-1", prompt="a poster")
    clock.advance(24 * 3600 + 1)
    again = await generate(gallery, ANA, "k-1", prompt="a poster")
    assert again.status_code == 201
    assert again.json()["id"] != first.json()["id"]
