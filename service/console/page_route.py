"""Routes of pages: what goes wrong is shown as a page, too."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError

from features.declared import plain_fault
from service.console.refusal import refusal
from service.errors import InvalidRequestError, ServiceError
from service.store.failure import failure_of


class PageRoute(APIRoute):
    """A route whose errors `refuse` makes pages of."""

    def refuse(self, request: Request, error: ServiceError) -> Response:
        """The page that shows an error."""
        return refusal(request, error, request.url.path)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with what it raises made a page."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except ServiceError as error:
                return self.refuse(request, error)
            except SQLAlchemyError as error:
                return self.refuse(request, failure_of(error))
            except RequestValidationError as error:
                faults = [
                    {"field": str(each["loc"][-1]), "fault": plain_fault(each["msg"])}
                    for each in error.errors()
                ]
                return self.refuse(request, InvalidRequestError(faults))

        return handled
