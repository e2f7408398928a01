"""``AsyncProfiles``: the operations on profiles."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from eventkeep.client.asynchronous.consent import AsyncConsent
from eventkeep.client.asynchronous.import_jobs import AsyncImportJobs
from eventkeep.client.call import Names, body_call, parameters_of, read_call, with_options
from eventkeep.client.pages import Page, page_reader
from eventkeep.client.profile_results import read_nothing
from eventkeep.client.results import (
    ApiResponse,
    Profile,
    Reference,
    read_profile,
    read_profile_resource,
    read_reference,
)
from eventkeep.protocol.filters import Filter

if TYPE_CHECKING:
    from eventkeep.client.asynchronous.client import AsyncClient


class ProfileFields(TypedDict, total=False):
    """Arguments that choose the fields of a profile."""

    additional_fields_profile: Names
    fields_profile: Names


class ProfilesQuery(ProfileFields, total=False):
    """All arguments of ``get_profiles``."""

    filter: Filter | str | None
    page_cursor: str | None
    page_size: int | None
    sort: str | None


class AsyncProfiles(AsyncImportJobs, AsyncConsent):
    """The operations on profiles; each also as ``…_with_http_info``, which returns (data, status, headers).

    Bodies are whole documents in the API's terms; ``client.identify`` is the short form of a
    write. All raise ArgumentError before anything is sent, and ClientError.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    @with_options(ProfilesQuery)
    async def get_profiles(self, **query: Unpack[ProfilesQuery]) -> Page[Profile]:
        """Read one page of profiles.

        - ``additional_fields_profile``: ``subscriptions`` and ``predictive_analytics``.
        - ``fields_profile``: a sparse fieldset, the names of the fields to read; by default all of them.
        - ``filter``: a Filter, or text in the filter language.
        - ``page_cursor``: a cursor of another page, or a whole link.
        - ``page_size``: 1 to 100.
        - ``sort``: ``created``, ``email``, ``id`` or ``updated``, with ``-`` before it for the other direction.

        ``iterate`` reads all pages.
        """
        return (await self.get_profiles_with_http_info(**query)).data

    @with_options(ProfilesQuery)
    async def get_profiles_with_http_info(self, **query: Unpack[ProfilesQuery]) -> ApiResponse[Page[Profile]]:
        """``get_profiles``, with status and headers."""
        parameters = parameters_of("get_profiles", query)
        call = read_call("get_profiles", None, parameters, page_reader(read_profile_resource))
        return await self._client.perform(call)

    @with_options(ProfilesQuery)
    async def iterate(self, **query: Unpack[ProfilesQuery]) -> AsyncGenerator[Profile, None]:
        """Read all profiles, page after page; the arguments are those of ``get_profiles``."""
        while True:
            page = await self.get_profiles(**query)
            for profile in page:
                yield profile
            if page.next_cursor is None:
                return
            query["page_cursor"] = page.next_cursor

    @with_options(ProfileFields)
    async def get_profile(self, id: str, **fields: Unpack[ProfileFields]) -> Profile:
        """Read one profile by its id."""
        return (await self.get_profile_with_http_info(id, **fields)).data

    @with_options(ProfileFields)
    async def get_profile_with_http_info(self, id: str, **fields: Unpack[ProfileFields]) -> ApiResponse[Profile]:
        """``get_profile``, with status and headers."""
        parameters = parameters_of("get_profile", fields)
        return await self._client.perform(read_call("get_profile", id, parameters, read_profile, of="a profile"))

    @with_options(ProfileFields)
    async def create_profile(self, profile_create_query: Mapping[str, Any], **fields: Unpack[ProfileFields]) -> Profile:
        """Create a profile, and return it.

        If a profile has one of its identifiers already, this raises InvalidRequestError of
        status 409, whose ``errors[0].meta["duplicate_profile_id"]`` is that profile's id.
        """
        return (await self.create_profile_with_http_info(profile_create_query, **fields)).data

    @with_options(ProfileFields)
    async def create_profile_with_http_info(
        self, profile_create_query: Mapping[str, Any], **fields: Unpack[ProfileFields]
    ) -> ApiResponse[Profile]:
        """``create_profile``, with status and headers."""
        # A second try would find the profile that the first one made, and be refused.
        call = body_call(
            "create_profile",
            profile_create_query,
            fields,
            read_profile,
            argument="profile_create_query",
            is_repeatable=False,
        )
        return await self._client.perform(call)

    @with_options(ProfileFields)
    async def update_profile(
        self, id: str, profile_partial_update_query: Mapping[str, Any], **fields: Unpack[ProfileFields]
    ) -> Profile:
        """Change a profile, and return it. A field that is None is cleared; one that is absent stays."""
        return (await self.update_profile_with_http_info(id, profile_partial_update_query, **fields)).data

    @with_options(ProfileFields)
    async def update_profile_with_http_info(
        self, id: str, profile_partial_update_query: Mapping[str, Any], **fields: Unpack[ProfileFields]
    ) -> ApiResponse[Profile]:
        """``update_profile``, with status and headers."""
        argument = "profile_partial_update_query"
        call = body_call("update_profile", profile_partial_update_query, fields, read_profile, argument=argument, id=id)
        return await self._client.perform(call)

    @with_options(ProfileFields)
    async def create_or_update_profile(
        self, profile_upsert_query: Mapping[str, Any], **fields: Unpack[ProfileFields]
    ) -> Profile:
        """Create a profile, or change the one that an identifier finds, and return it.

        The form with status and headers tells them apart: 201, or 200.
        """
        return (await self.create_or_update_profile_with_http_info(profile_upsert_query, **fields)).data

    @with_options(ProfileFields)
    async def create_or_update_profile_with_http_info(
        self, profile_upsert_query: Mapping[str, Any], **fields: Unpack[ProfileFields]
    ) -> ApiResponse[Profile]:
        """``create_or_update_profile``, with status and headers."""
        name = "create_or_update_profile"
        call = body_call(name, profile_upsert_query, fields, read_profile, argument="profile_upsert_query")
        return await self._client.perform(call)

    async def merge_profiles(self, profile_merge_query: Mapping[str, Any]) -> Reference:
        """Make one profile part of another, and return the id of that one. Its events are read there from then on."""
        return (await self.merge_profiles_with_http_info(profile_merge_query)).data

    async def merge_profiles_with_http_info(self, profile_merge_query: Mapping[str, Any]) -> ApiResponse[Reference]:
        """``merge_profiles``, with status and headers."""
        # A second try would not find the profile that the first one merged.
        call = body_call(
            "merge_profiles",
            profile_merge_query,
            {},
            read_reference,
            argument="profile_merge_query",
            is_repeatable=False,
        )
        return await self._client.perform(call)

    async def request_profile_deletion(self, data_privacy_create_deletion_job_query: Mapping[str, Any]) -> None:
        """Ask for the deletion of all profiles that one identifier means."""
        await self.request_profile_deletion_with_http_info(data_privacy_create_deletion_job_query)

    async def request_profile_deletion_with_http_info(
        self, data_privacy_create_deletion_job_query: Mapping[str, Any]
    ) -> ApiResponse[None]:
        """``request_profile_deletion``, with status and headers."""
        argument = "data_privacy_create_deletion_job_query"
        body = data_privacy_create_deletion_job_query
        call = body_call("request_profile_deletion", body, {}, read_nothing, argument=argument)
        return await self._client.perform(call)
