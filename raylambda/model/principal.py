"""Who calls: made in ``frontdoor.auth`` from a request's signature, and carried by whatever the request becomes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from raylambda.model.arn import identity_arn


class PrincipalKind(StrEnum):
    """What sort of identity a key belongs to, in IAM's words."""

    ROOT = "root"
    """The account itself: today every key is one of these."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks. What its requests name is looked up in ``account`` and ``region``, the region of the signature."""

    account: str
    region: str
    access_key_id: str
    kind: PrincipalKind = PrincipalKind.ROOT

    @property
    def arn(self) -> str:
        """The ARN that IAM gives this identity, as error texts print it."""
        return identity_arn(self.account, self.kind)
