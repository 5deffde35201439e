"""Generating an image: drawn from a prompt, paid for with credits. What it looks like is `drawing.py`.

Drawing takes a while, so nothing is held meanwhile: look whether the balance suffices, draw in the child process, and
then spend, store the image and keep the answer for its `Idempotency-Key` in one transaction. Whatever fails before its
end costs nothing. One owner's images are drawn one after the other, so the look is worth something; that nothing is
spent twice, over all processes, is the transaction's doing.
"""

import secrets
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy.orm import Session

from . import auth, credits, drawing, idempotency, images, inputs, problems, state
from .auth import Caller

router = APIRouter(tags=["Images"])

SEEDS = 2**32


class NewImage(inputs.Body):
    prompt: Annotated[inputs.Line, inputs.text(1, 500)] = Field(examples=["a harbour at dusk"])
    seed: int | None = Field(default=None, ge=0, lt=SEEDS, description="Left out: chosen by chance.")
    title: images.Title | None = Field(default=None, description="Left out: the beginning of the prompt.")


@router.post(
    "/images",
    operation_id="generateImage",
    response_model=images.Image,
    summary="Generate an image",
    status_code=201,
    openapi_extra=idempotency.HEADER,
    responses={402: {}, 429: {}, 507: {}},
)
async def generate_image(
    caller: Annotated[Caller, auth.person("images:write", "credits:spend")],
    house: state.House,
    request: Request,
    wanted: Annotated[NewImage, inputs.json_body(NewImage)],
) -> Response:
    """Draws an image from the prompt and pays for it with credits, both or neither. With an `Idempotency-Key`, a
    repeated request is answered with the first one's image and costs nothing."""
    key = await idempotency.key_of(request, caller, "POST /images")
    price = house.settings.image_price
    async with house.studio.turn(caller.owner):
        if (stored := await _stored(house, key)) is not None:
            return images.created(house, stored, replayed=True)
        # Drawing comes before paying, so that a failure costs nothing; this look keeps the penniless from drawing.
        if (has := await credits.ensure(house, caller)) < price:
            raise credits.insufficient(price, has)
        seed = secrets.randbelow(SEEDS) if wanted.seed is None else wanted.seed
        picture = await house.studio.run(drawing.draw, wanted.prompt, seed)
        title = wanted.prompt[:100] if wanted.title is None else wanted.title

        def pay(session: Session, image: images.Image) -> None:
            if key is not None:
                idempotency.store(session, key, image.model_dump(mode="json"), house.clock())
            credits.spend(session, caller.owner, price, "image_generated", image.id, house.clock())

        try:
            image = await images.add(
                house, caller, picture, title=title, prompt=wanted.prompt, seed=seed, also=pay
            )
        except idempotency.LostRaceError:
            if (stored := await _stored(house, key)) is None:
                raise problems.busy() from None
            return images.created(house, stored, replayed=True)
    return images.created(house, image)


async def _stored(house: state.State, key: idempotency.Key | None) -> images.Image | None:
    if key is None:
        return None
    answer = await house.database.read(lambda session: idempotency.find(session, key, house.clock()))
    return None if answer is None else images.Image.model_validate(answer)
