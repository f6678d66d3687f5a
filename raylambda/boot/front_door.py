"""The parts that one front door stands on, beside those that it shares with the platform: keys, links, S3."""

from __future__ import annotations

from raylambda.frontdoor.auth.keys import KeyRing, root_key
from raylambda.frontdoor.auth.signature import AnyKey, Authenticator, SignatureCheck
from raylambda.frontdoor.browser_guard import OwnNames
from raylambda.frontdoor.code_links import CodeLinks
from raylambda.model.clock import Clock
from raylambda.node.sandbox.network.contract import NODE_NAME
from raylambda.services.lambda_.context import ControlParts
from raylambda.services.lambda_.s3_source import S3Source
from raylambda.settings import AccessKey, Settings
from raylambda.store.codestore import CodeStore
from raylambda.store.uploads import Uploads


def authenticator(settings: Settings, clock: Clock) -> Authenticator:
    """Who may call: the keys of the settings, or the root key, or with ``RAYLAMBDA_AUTH=none`` anybody."""
    if settings.auth == "none":
        return AnyKey(settings.account_id, settings.region)
    keys = settings.access_keys or (root_key(settings.home, settings.account_id),)
    return SignatureCheck(KeyRing(keys), clock)


def own_names(settings: Settings) -> OwnNames:
    """What clients may call the front door: also what functions call their node, where they may reach it by that name."""
    allowed = {destination.rpartition(":")[0] for destination in settings.egress_allow}
    return OwnNames(frozenset({settings.host.lower(), *settings.host_names, *allowed & {NODE_NAME}}))


def own_key(settings: Settings) -> AccessKey:
    """The key of this machine's own commands."""
    if settings.auth == "none":
        return AccessKey(settings.account_id, "none", settings.account_id)
    return settings.access_keys[0] if settings.access_keys else root_key(settings.home, settings.account_id)


def control_parts(
    settings: Settings, clock: Clock, code_store: CodeStore, uploads: Uploads, links: CodeLinks
) -> ControlParts:
    """What the operations of Lambda's control plane work with, beside the database."""
    return ControlParts(
        code_store=code_store,
        uploads=uploads,
        fetch_s3=S3Source(settings.region, clock),
        code_location=links.location,
        concurrency_limit=settings.concurrency,
        clock=clock,
    )
