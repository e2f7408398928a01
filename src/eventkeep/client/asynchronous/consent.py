"""``AsyncConsent``: subscriptions and suppressions of profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from eventkeep.client.call import Names, body_call, parameters_of, read_call, with_options
from eventkeep.client.pages import Page, page_reader
from eventkeep.client.profile_results import Job, read_job, read_job_if_told, read_job_resource, read_nothing
from eventkeep.client.results import ApiResponse
from eventkeep.protocol.filters import Filter

if TYPE_CHECKING:
    from eventkeep.client.asynchronous.client import AsyncClient


class ConsentJobsPage(TypedDict, total=False):
    """Arguments that choose a page of jobs."""

    filter: Filter | str | None
    page_cursor: str | None
    sort: str | None


class SuppressJobsQuery(ConsentJobsPage, total=False):
    """All arguments of ``get_bulk_suppress_profiles_jobs``."""

    fields_profile_suppression_bulk_create_job: Names


class UnsuppressJobsQuery(ConsentJobsPage, total=False):
    """All arguments of ``get_bulk_unsuppress_profiles_jobs``."""

    fields_profile_suppression_bulk_delete_job: Names


class AsyncConsent:
    """The operations on consent, a part of AsyncProfiles.

    Jobs can be read in the revisions from 2024-10-15 on; in earlier ones a suppression returns None.
    """

    _client: AsyncClient

    async def bulk_subscribe_profiles(self, subscription_create_job_create_query: Mapping[str, Any]) -> None:
        """Subscribe profiles to channels."""
        await self.bulk_subscribe_profiles_with_http_info(subscription_create_job_create_query)

    async def bulk_subscribe_profiles_with_http_info(
        self, subscription_create_job_create_query: Mapping[str, Any]
    ) -> ApiResponse[None]:
        """``bulk_subscribe_profiles``, with status and headers."""
        argument = "subscription_create_job_create_query"
        call = body_call(
            "bulk_subscribe_profiles", subscription_create_job_create_query, {}, read_nothing, argument=argument
        )
        return await self._client.perform(call)

    async def bulk_unsubscribe_profiles(self, subscription_delete_job_create_query: Mapping[str, Any]) -> None:
        """Unsubscribe profiles from channels."""
        await self.bulk_unsubscribe_profiles_with_http_info(subscription_delete_job_create_query)

    async def bulk_unsubscribe_profiles_with_http_info(
        self, subscription_delete_job_create_query: Mapping[str, Any]
    ) -> ApiResponse[None]:
        """``bulk_unsubscribe_profiles``, with status and headers."""
        argument = "subscription_delete_job_create_query"
        call = body_call(
            "bulk_unsubscribe_profiles", subscription_delete_job_create_query, {}, read_nothing, argument=argument
        )
        return await self._client.perform(call)

    async def bulk_suppress_profiles(self, suppression_create_job_create_query: Mapping[str, Any]) -> Job | None:
        """Suppress email marketing to addresses."""
        return (await self.bulk_suppress_profiles_with_http_info(suppression_create_job_create_query)).data

    async def bulk_suppress_profiles_with_http_info(
        self, suppression_create_job_create_query: Mapping[str, Any]
    ) -> ApiResponse[Job | None]:
        """``bulk_suppress_profiles``, with status and headers."""
        argument = "suppression_create_job_create_query"
        call = body_call(
            "bulk_suppress_profiles", suppression_create_job_create_query, {}, read_job_if_told, argument=argument
        )
        return await self._client.perform(call)

    async def bulk_unsuppress_profiles(self, suppression_delete_job_create_query: Mapping[str, Any]) -> Job | None:
        """End suppressions that were made by ``bulk_suppress_profiles``."""
        return (await self.bulk_unsuppress_profiles_with_http_info(suppression_delete_job_create_query)).data

    async def bulk_unsuppress_profiles_with_http_info(
        self, suppression_delete_job_create_query: Mapping[str, Any]
    ) -> ApiResponse[Job | None]:
        """``bulk_unsuppress_profiles``, with status and headers."""
        argument = "suppression_delete_job_create_query"
        call = body_call(
            "bulk_unsuppress_profiles", suppression_delete_job_create_query, {}, read_job_if_told, argument=argument
        )
        return await self._client.perform(call)

    @with_options(SuppressJobsQuery)
    async def get_bulk_suppress_profiles_jobs(self, **query: Unpack[SuppressJobsQuery]) -> Page[Job]:
        """Read one page of jobs that suppressed addresses."""
        return (await self.get_bulk_suppress_profiles_jobs_with_http_info(**query)).data

    @with_options(SuppressJobsQuery)
    async def get_bulk_suppress_profiles_jobs_with_http_info(
        self, **query: Unpack[SuppressJobsQuery]
    ) -> ApiResponse[Page[Job]]:
        """``get_bulk_suppress_profiles_jobs``, with status and headers."""
        name = "get_bulk_suppress_profiles_jobs"
        return await self._client.perform(
            read_call(name, None, parameters_of(name, query), page_reader(read_job_resource))
        )

    async def get_bulk_suppress_profiles_job(
        self, job_id: str, *, fields_profile_suppression_bulk_create_job: Names = None
    ) -> Job:
        """Read one job that suppressed addresses."""
        return (
            await self.get_bulk_suppress_profiles_job_with_http_info(
                job_id, fields_profile_suppression_bulk_create_job=fields_profile_suppression_bulk_create_job
            )
        ).data

    async def get_bulk_suppress_profiles_job_with_http_info(
        self, job_id: str, *, fields_profile_suppression_bulk_create_job: Names = None
    ) -> ApiResponse[Job]:
        """``get_bulk_suppress_profiles_job``, with status and headers."""
        name = "get_bulk_suppress_profiles_job"
        parameters = parameters_of(
            name, {"fields_profile_suppression_bulk_create_job": fields_profile_suppression_bulk_create_job}
        )
        return await self._client.perform(read_call(name, job_id, parameters, read_job, of="a job"))

    @with_options(UnsuppressJobsQuery)
    async def get_bulk_unsuppress_profiles_jobs(self, **query: Unpack[UnsuppressJobsQuery]) -> Page[Job]:
        """Read one page of jobs that ended suppressions."""
        return (await self.get_bulk_unsuppress_profiles_jobs_with_http_info(**query)).data

    @with_options(UnsuppressJobsQuery)
    async def get_bulk_unsuppress_profiles_jobs_with_http_info(
        self, **query: Unpack[UnsuppressJobsQuery]
    ) -> ApiResponse[Page[Job]]:
        """``get_bulk_unsuppress_profiles_jobs``, with status and headers."""
        name = "get_bulk_unsuppress_profiles_jobs"
        return await self._client.perform(
            read_call(name, None, parameters_of(name, query), page_reader(read_job_resource))
        )

    async def get_bulk_unsuppress_profiles_job(
        self, job_id: str, *, fields_profile_suppression_bulk_delete_job: Names = None
    ) -> Job:
        """Read one job that ended suppressions."""
        return (
            await self.get_bulk_unsuppress_profiles_job_with_http_info(
                job_id, fields_profile_suppression_bulk_delete_job=fields_profile_suppression_bulk_delete_job
            )
        ).data

    async def get_bulk_unsuppress_profiles_job_with_http_info(
        self, job_id: str, *, fields_profile_suppression_bulk_delete_job: Names = None
    ) -> ApiResponse[Job]:
        """``get_bulk_unsuppress_profiles_job``, with status and headers."""
        name = "get_bulk_unsuppress_profiles_job"
        parameters = parameters_of(
            name, {"fields_profile_suppression_bulk_delete_job": fields_profile_suppression_bulk_delete_job}
        )
        return await self._client.perform(read_call(name, job_id, parameters, read_job, of="a job"))
