"""What both clients know before they send: the platform, the signer, and how long to wait."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Final

from raylambda.sdk.connection import Wanted, find_connection
from raylambda.sdk.endpoint import Endpoint
from raylambda.sdk.signing import ApiRequest, HttpRequest, Signer

TIMEOUT_S: Final = 960.0
"""A synchronous function may run for 900 s."""


@dataclass(frozen=True, slots=True)
class Session:
    """Stands for one platform, one key and one region."""

    endpoint: Endpoint
    signer: Signer = field(repr=False)
    timeout_s: float

    @classmethod
    def of(cls, wanted: Wanted, timeout_s: float | None) -> Session:
        """Find the platform; raises ``NotConnected``."""
        found = find_connection(wanted, os.environ)
        endpoint = Endpoint.of(found.endpoint)
        signer = Signer(found.credentials, found.region, endpoint.authority, endpoint.prefix)
        return cls(endpoint, signer, TIMEOUT_S if timeout_s is None else timeout_s)

    def http_request(self, request: ApiRequest) -> HttpRequest:
        return self.signer.http_request(request, time.time())
