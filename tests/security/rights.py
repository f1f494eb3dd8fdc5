"""Giving rights on a node with ACLs, as its super user."""

import time
from collections.abc import Collection
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from driftline.kafka.acls import Acl

_RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}
_ANYTHING = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)


def allow(bootstrap: str, user: str, acls: Collection[Acl]) -> None:
    """Let `user` do what `acls` say; returns once the node goes by them."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        before = _count(admin, user)
        if acls:
            admin.create_acls([_right(user, acl) for acl in acls])
        deadline = time.monotonic() + 10
        while _count(admin, user) < before + len(acls):
            assert time.monotonic() < deadline, "the node did not take the ACLs"
    finally:
        admin.close()


def _count(admin: Any, user: str) -> int:
    wanted = ACLFilter(f"User:{user}", "*", ACLOperation.ANY, ACLPermissionType.ANY, _ANYTHING)
    found, _ = admin.describe_acls(wanted)
    return len(found)


def _right(user: str, acl: Acl) -> Any:
    pattern = ACLResourcePatternType.PREFIXED if acl.prefixed else ACLResourcePatternType.LITERAL
    where = ResourcePattern(_RESOURCES[acl.resource], acl.name, pattern)
    return ACL(f"User:{user}", "*", ACLOperation[acl.operation.upper()], ACLPermissionType.ALLOW, where)
