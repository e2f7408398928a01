"""Schemas of the operations on profiles, consent and privacy, and of those for clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX, BULK_IMPORT_PROFILES_MAX, PROFILE_PAYLOAD_BYTES_MAX
from eventkeep.protocol.client_routes import documents as client
from eventkeep.protocol.consent import documents as consent
from eventkeep.protocol.consent.operations import JOB_FIELDS, JOBS_SINCE
from eventkeep.protocol.creates import documents as creates
from eventkeep.protocol.openapi.bodies import BodySchemas
from eventkeep.protocol.openapi.resources import ResourceSchemas, identifier
from eventkeep.protocol.openapi.schemas import (
    ANY_OBJECT,
    COUNT,
    DATE_TIME,
    STRING,
    Schema,
    array_of,
    object_of,
    one_of_names,
    or_null,
)
from eventkeep.protocol.openapi.types import OfField, TypeSchemas
from eventkeep.protocol.operation import Operation
from eventkeep.protocol.privacy import documents as privacy
from eventkeep.protocol.profiles import documents as profiles
from eventkeep.protocol.profiles.job_operations import IMPORT_JOB_FIELDS
from eventkeep.protocol.revisions import Revision

DESCRIPTIONS: Final[OfField] = {
    (profiles.CreateAttributes, "phone_number"): "In E.164 form.",
    (profiles.ChangedProfile, "id"): "The id in the path.",
    (profiles.ImportedProfile, "id"): "The profile's id, a ULID. One that is unknown is no identifier.",
    (profiles.ProfileMeta, "patch_properties"): "Changes of the profile's properties, made after `properties`.",
    (profiles.ProfileMeta, "patch_identifiers"): "Secondary email addresses to add and to remove.",
    (profiles.ProfileMerge, "id"): "The id of the profile that stays.",
    (consent.Subscribed, "consented_at"): "When the profile agreed; only in a historical import, and there always.",
    (consent.SubscribeAttributes, "custom_source"): "Kept with the consent as its `custom_method_detail`.",
    (consent.SubscribeAttributes, "historical_import"): "Whether the consent was given in the past.",
}
"""The descriptions of members."""
_FORMATS: Final[OfField] = {
    (consent.Subscribed, "consented_at"): "date-time",
    (consent.Subscriber, "age_gated_date_of_birth"): "date",
}
_JOB_ATTRIBUTES: Final[Mapping[str, Schema]] = {
    "status": one_of_names(["cancelled", "complete", "processing", "queued"]),
    "created_at": DATE_TIME,
    "total_count": COUNT,
    "completed_count": COUNT,
    "failed_count": COUNT,
    "skipped_count": COUNT,
    "started_at": DATE_TIME,
    "completed_at": DATE_TIME,
    "expires_at": DATE_TIME,
}
_BODIES: Final[Mapping[str, tuple[str, type]]] = {
    "create_profile": ("ProfileCreate", profiles.ProfileCreate),
    "update_profile": ("ProfileUpdate", profiles.ProfileUpdate),
    "create_or_update_profile": ("ProfileImport", profiles.ProfileImport),
    "merge_profiles": ("ProfileMergeCreate", profiles.ProfileMergeCreate),
    "bulk_import_profiles": ("ProfileImportJobCreate", profiles.ImportJobCreate),
    "bulk_subscribe_profiles": ("SubscribeJobCreate", consent.Subscribe),
    "bulk_unsubscribe_profiles": ("UnsubscribeJobCreate", consent.Unsubscribe),
    "bulk_suppress_profiles": ("SuppressJobCreate", consent.Suppress),
    "bulk_unsuppress_profiles": ("UnsuppressJobCreate", consent.Unsuppress),
    "request_profile_deletion": ("DeletionJobCreate", privacy.DeletionCreate),
    "create_client_profile": ("ClientProfileCreate", client.ClientProfileCreate),
    "create_client_subscription": ("ClientSubscriptionCreate", client.ClientSubscriptionCreate),
}
"""The name and the type of each operation's body."""


class ProfileBodies(TypeSchemas):
    """The bodies of one revision."""

    descriptions, formats = DESCRIPTIONS, _FORMATS

    def __init__(
        self, revision: Revision, components: dict[str, Schema], has: Callable[[Revision, type, str], bool]
    ) -> None:
        super().__init__(revision, components)
        self._has_member = has

    def _has(self, kind: type, name: str) -> bool:
        return self._has_member(self._revision, kind, name)

    def _name(self, kind: type) -> str | None:
        # Types with the names of those in bodies of events may differ from them: they are written out.
        return None if hasattr(creates, kind.__name__) else kind.__name__


class ProfileSchemas(ResourceSchemas):
    """The bodies and responses of these families."""

    def body(self, operation: Operation) -> Schema | None:
        if operation.name == "create_client_event":
            return BodySchemas(self._revision, self._components).create_event()
        if operation.name == "bulk_create_client_events":
            return BodySchemas(self._revision, self._components).client_bulk_create()
        if operation.name not in _BODIES:
            return None
        name, kind = _BODIES[operation.name]
        if kind is consent.Subscribe and self._revision.date < consent.CHANNELS_NAMED_SINCE:
            kind = consent.OldSubscribe
        has = {client.__name__: client.has_member, consent.__name__: consent.has_member}.get(
            getattr(kind, "__args__", (kind,))[0].__module__, profiles.has_member
        )
        return ProfileBodies(self._revision, self._components, has).named(name, kind)

    def response(self, operation: Operation) -> Schema | None:
        name = operation.name
        if name in ("get_profiles", "get_profiles_for_bulk_import_profiles_job"):
            return self._page(self.profile(is_whole=True))
        if name in ("get_profile", "create_profile", "update_profile", "create_or_update_profile"):
            return self.document(self.profile(is_whole=True), self.self_link())
        if name == "merge_profiles":
            members = {"type": one_of_names(["profile"]), "id": STRING, "links": self.self_link()}
            return self.document(object_of(members, members), self.self_link())
        if "import_profiles_job" in name or name == "bulk_import_profiles":
            return self._import_answer(name)
        if "suppress_profiles" in name and (operation.method == "GET" or self._revision.date >= JOBS_SINCE):
            kind = f"profile-suppression-bulk-{'delete' if 'unsuppress' in name else 'create'}-job"
            job = self._job(kind, JOB_FIELDS, ("lists", "segments"))
            return self._page(job) if name.endswith("_jobs") else self.document(job, self.self_link())
        return None

    def extensions(self, operation: Operation) -> Mapping[str, Any]:
        limits = {
            "create_client_event": {"events": 1, "bytes": BODY_BYTES_MAX},
            "bulk_create_client_events": {"events": BULK_EVENTS_MAX, "bytes": BODY_BYTES_MAX},
            "bulk_import_profiles": {"profiles": BULK_IMPORT_PROFILES_MAX, "bytes": BODY_BYTES_MAX},
            "create_profile": {"bytes": PROFILE_PAYLOAD_BYTES_MAX},
            "update_profile": {"bytes": PROFILE_PAYLOAD_BYTES_MAX},
            "create_or_update_profile": {"bytes": PROFILE_PAYLOAD_BYTES_MAX},
        }
        return {"x-eventkeep-limits": limits[operation.name]} if operation.name in limits else {}

    def _page(self, resource: Schema) -> Schema:
        return self.document(array_of(resource), self.page_links())

    def _import_answer(self, name: str) -> Schema:
        if "list_ids" in name or "profile_ids" in name:
            return self._page(identifier("list" if "list_ids" in name else "profile"))
        if name.startswith("get_list_"):
            return self._page({**ANY_OBJECT})
        if name.startswith("get_errors_"):
            return self._page(self._import_error())
        job = self._job("profile-bulk-import-job", IMPORT_JOB_FIELDS, ("lists", "profiles", "import-errors"))
        return self._page(job) if name.endswith("_jobs") else self.document(job, self.self_link())

    def _job(self, kind: str, names: tuple[str, ...], relations: tuple[str, ...]) -> Schema:
        has_nulls = self._revision.has_nulls
        attributes = {name: _JOB_ATTRIBUTES[name] for name in names}
        if has_nulls:
            attributes["completed_at"] = or_null(attributes["completed_at"])
        links = {"links": self.relationship_links()}
        relationships = {
            name: object_of({"data": array_of(identifier("list")), **links}, ("links",))
            if name == "lists"
            else object_of(links, ("links",))
            for name in relations
        }
        return self.component(
            "".join(part.title() for part in kind.split("-")) + "Resource",
            {
                "type": one_of_names([kind]),
                "id": STRING,
                "attributes": object_of(attributes),
                "relationships": object_of(relationships, relationships),
                "links": self.self_link(),
            },
        )

    def _import_error(self) -> Schema:
        attributes = {
            "code": STRING,
            "title": STRING,
            "detail": STRING,
            "source": object_of({"pointer": STRING}),
            "original_payload": ANY_OBJECT,
        }
        return self.component(
            "ImportErrorResource",
            {
                "type": one_of_names(["import-error"]),
                "id": STRING,
                "attributes": object_of(attributes),
                "links": self.self_link(),
            },
        )
