"""Uploads: a picture from outside becomes an image. What a picture may be is decided in `pictures.py`."""

import contextlib
import re
from typing import Annotated, Any

import pydantic
from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from . import auth, files, images, inputs, pictures, state
from .problems import Problem

router = APIRouter(tags=["Images"])

FILE_BYTES = 10 * 1024 * 1024
FORM_BYTES = FILE_BYTES + 64 * 1024
"""The whole body: the file, the title, and what multipart puts around them."""
PATH = "/uploads"

_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "contentMediaType": "application/octet-stream",
                            "description": f"At most 10 MiB. {pictures.LIMITS}, and {pictures.SIDE_PIXELS:,} "
                            "pixels on its longest side; a JPEG too large to be decoded whole is kept at half its "
                            "width and height.",
                        },
                        "title": {"type": "string", "maxLength": 200, "examples": ["Harbour at dusk"]},
                    },
                },
                "encoding": {"file": {"contentType": "image/png, image/jpeg, image/webp"}},
            }
        },
    }
}


class _Form(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True)
    file: UploadFile
    title: images.Title = ""


@router.post(
    PATH,
    operation_id="uploadImage",
    summary="Upload an image",
    status_code=201,
    response_model=images.Image,
    openapi_extra=_FORM,
    responses={429: {}, 507: {}},
)
async def upload(
    caller: Annotated[auth.Caller, auth.caller("images:write")], house: state.House, request: Request
) -> Response:
    """Takes a PNG, JPEG or WebP picture. It is decoded and encoded anew: location and every other hidden remark is
    left out, and the file's own name is not kept."""
    async with house.studio.turn(caller.owner):
        data, title = await _read(request)
        try:
            picture = await house.studio.run(pictures.read, data)
        except pictures.PictureError as error:
            raise _refused(error) from None
        image = await images.add(house, caller, picture, title=title)
    return images.created(house, image)


class _Parser(MultiPartParser):
    """Starlette's, which would take text that is no UTF-8 for Latin-1 and a form that was cut off for a whole one."""

    _ended = False

    def on_part_end(self) -> None:
        if self._current_part.file is None:
            self._current_part.data.decode("utf-8")
        super().on_part_end()

    def on_end(self) -> None:
        self._ended = True

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self._ended:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("The form has no end.")
        return form


async def _read(request: Request) -> tuple[bytes, str]:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "multipart/form-data":
        raise Problem("unsupported_media_type", "Send the file as multipart/form-data.")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]*)", parameters, re.IGNORECASE)
    if charset and charset.group(1).lower() not in ("utf-8", "utf8"):
        raise Problem("unsupported_media_type", "The form's text must be UTF-8.")
    try:
        async with contextlib.aclosing(request.stream()) as stream:
            parser = _Parser(request.headers, stream, max_files=1, max_fields=2, max_part_size=4096)
            form = await parser.parse()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(form.close)
            fields = _checked(form)
            if (fields.file.size or 0) > FILE_BYTES:
                raise Problem("too_large", "A file may have 10 MiB.")
            return await fields.file.read(), fields.title
    except OSError as error:  # a large file waits in the temporary folder
        raise files.FullError(str(error)) from error
    except (MultiPartException, UnicodeDecodeError):
        raise Problem(
            "invalid_request", "The form cannot be read, or has more parts than file and title."
        ) from None


def _checked(form: FormData) -> _Form:
    items: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in items:
            raise inputs.invalid([{"type": "twice", "loc": (name,), "msg": "is there twice"}])
        items[name] = value
    try:
        return _Form.model_validate(items)
    except pydantic.ValidationError as error:
        raise inputs.invalid(
            error.errors(include_url=False, include_input=False, include_context=False)
        ) from None


def _refused(error: pictures.PictureError) -> Problem:
    if error.code == "validation_failed":
        return inputs.invalid([{"type": "file", "loc": ("file",), "msg": error.sentence}])
    return Problem(error.code, error.sentence)
