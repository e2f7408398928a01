"""``AsyncImportJobs``: bulk imports of profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from eventkeep.client.call import Names, body_call, parameters_of, read_call, with_options
from eventkeep.client.metric_results import read_reference_resource
from eventkeep.client.pages import Page, page_reader
from eventkeep.client.profile_results import ImportFailure, Job, read_failure_resource, read_job, read_job_resource
from eventkeep.client.results import ApiResponse, Profile, Reference, read_profile_resource
from eventkeep.protocol.filters import Filter

if TYPE_CHECKING:
    from eventkeep.client.asynchronous.client import AsyncClient

OF_JOB = "a job"


class JobPages(TypedDict, total=False):
    """Arguments that choose a page of the contents of a job."""

    page_cursor: str | None
    page_size: int | None


class JobsQuery(JobPages, total=False):
    """All arguments of ``get_bulk_import_profiles_jobs``."""

    fields_profile_bulk_import_job: Names
    filter: Filter | str | None
    sort: str | None


class JobProfilesQuery(JobPages, total=False):
    """All arguments of ``get_profiles_for_bulk_import_profiles_job``."""

    additional_fields_profile: Names
    fields_profile: Names


class JobFailuresQuery(JobPages, total=False):
    """All arguments of ``get_errors_for_bulk_import_profiles_job``."""

    fields_import_error: Names


class AsyncImportJobs:
    """The operations on bulk imports, a part of AsyncProfiles."""

    _client: AsyncClient

    async def bulk_import_profiles(self, profile_import_job_create_query: Mapping[str, Any]) -> Job:
        """Create or change up to 10,000 profiles. Each is imported, or fails, by itself."""
        return (await self.bulk_import_profiles_with_http_info(profile_import_job_create_query)).data

    async def bulk_import_profiles_with_http_info(
        self, profile_import_job_create_query: Mapping[str, Any]
    ) -> ApiResponse[Job]:
        """``bulk_import_profiles``, with status and headers."""
        argument = "profile_import_job_create_query"
        call = body_call("bulk_import_profiles", profile_import_job_create_query, {}, read_job, argument=argument)
        return await self._client.perform(call)

    @with_options(JobsQuery)
    async def get_bulk_import_profiles_jobs(self, **query: Unpack[JobsQuery]) -> Page[Job]:
        """Read one page of bulk imports. ``filter`` is on ``status``, ``sort`` is ``created_at`` or ``-created_at``."""
        return (await self.get_bulk_import_profiles_jobs_with_http_info(**query)).data

    @with_options(JobsQuery)
    async def get_bulk_import_profiles_jobs_with_http_info(self, **query: Unpack[JobsQuery]) -> ApiResponse[Page[Job]]:
        """``get_bulk_import_profiles_jobs``, with status and headers."""
        name = "get_bulk_import_profiles_jobs"
        return await self._client.perform(
            read_call(name, None, parameters_of(name, query), page_reader(read_job_resource))
        )

    async def get_bulk_import_profiles_job(self, job_id: str, *, fields_profile_bulk_import_job: Names = None) -> Job:
        """Read one bulk import."""
        return (
            await self.get_bulk_import_profiles_job_with_http_info(
                job_id, fields_profile_bulk_import_job=fields_profile_bulk_import_job
            )
        ).data

    async def get_bulk_import_profiles_job_with_http_info(
        self, job_id: str, *, fields_profile_bulk_import_job: Names = None
    ) -> ApiResponse[Job]:
        """``get_bulk_import_profiles_job``, with status and headers."""
        name = "get_bulk_import_profiles_job"
        parameters = parameters_of(name, {"fields_profile_bulk_import_job": fields_profile_bulk_import_job})
        return await self._client.perform(read_call(name, job_id, parameters, read_job, of=OF_JOB))

    @with_options(JobProfilesQuery)
    async def get_profiles_for_bulk_import_profiles_job(
        self, id: str, **query: Unpack[JobProfilesQuery]
    ) -> Page[Profile]:
        """Read one page of the profiles that an import has created or changed."""
        return (await self.get_profiles_for_bulk_import_profiles_job_with_http_info(id, **query)).data

    @with_options(JobProfilesQuery)
    async def get_profiles_for_bulk_import_profiles_job_with_http_info(
        self, id: str, **query: Unpack[JobProfilesQuery]
    ) -> ApiResponse[Page[Profile]]:
        """``get_profiles_for_bulk_import_profiles_job``, with status and headers."""
        name = "get_profiles_for_bulk_import_profiles_job"
        parameters = parameters_of(name, query)
        return await self._client.perform(
            read_call(name, id, parameters, page_reader(read_profile_resource), of=OF_JOB)
        )

    @with_options(JobPages)
    async def get_profile_ids_for_bulk_import_profiles_job(self, id: str, **query: Unpack[JobPages]) -> Page[Reference]:
        """Read one page of the ids of the profiles that an import has created or changed."""
        return (await self.get_profile_ids_for_bulk_import_profiles_job_with_http_info(id, **query)).data

    @with_options(JobPages)
    async def get_profile_ids_for_bulk_import_profiles_job_with_http_info(
        self, id: str, **query: Unpack[JobPages]
    ) -> ApiResponse[Page[Reference]]:
        """``get_profile_ids_for_bulk_import_profiles_job``, with status and headers."""
        name = "get_profile_ids_for_bulk_import_profiles_job"
        parameters = parameters_of(name, query)
        return await self._client.perform(
            read_call(name, id, parameters, page_reader(read_reference_resource), of=OF_JOB)
        )

    @with_options(JobFailuresQuery)
    async def get_errors_for_bulk_import_profiles_job(
        self, id: str, **query: Unpack[JobFailuresQuery]
    ) -> Page[ImportFailure]:
        """Read one page of the profiles that an import has not imported, and why."""
        return (await self.get_errors_for_bulk_import_profiles_job_with_http_info(id, **query)).data

    @with_options(JobFailuresQuery)
    async def get_errors_for_bulk_import_profiles_job_with_http_info(
        self, id: str, **query: Unpack[JobFailuresQuery]
    ) -> ApiResponse[Page[ImportFailure]]:
        """``get_errors_for_bulk_import_profiles_job``, with status and headers."""
        name = "get_errors_for_bulk_import_profiles_job"
        parameters = parameters_of(name, query)
        return await self._client.perform(
            read_call(name, id, parameters, page_reader(read_failure_resource), of=OF_JOB)
        )
