"""What a form of the console sent, if it is one of ours."""

from __future__ import annotations

from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from service.console.page import FORM_COOKIE
from service.errors import ForgedFormError

TOKEN_FIELD: Final = "form_token"


async def read_form(request: Request) -> dict[str, str]:
    """The fields of the form.

    Another site can make a browser send a form here, but neither read the cookie nor put its value into a field (the double
    submission of a token; the cookie is `SameSite=Strict` besides).

    Raises: `ForgedFormError` when the field is not what the cookie holds.
    """
    fields = dict(parse_qsl((await request.body()).decode("latin-1"), encoding="utf-8"))
    expected = request.cookies.get(FORM_COOKIE, "")
    if not expected or not compare_digest(expected.encode(), fields.pop(TOKEN_FIELD, "").encode()):
        raise ForgedFormError("the form was not made here, or is too old: go back, reload and try again")
    return fields
