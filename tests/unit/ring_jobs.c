#include "ring_jobs.h"

#include "../support/unit.h"

/* A job that is started at once; its id never matters here. */
static struct jobq_ring_job *
start(struct jobq_ring_jobs *jobs, int64_t now)
{
	jobq_ring_jobs_add(jobs, "a", 1, now);
	jobs->job[jobs->count - 1].started_ms = now;
	return &jobs->job[jobs->count - 1];
}

static void
ends(struct jobq_ring_jobs *jobs, int64_t begun, int64_t ended)
{
	jobq_ring_jobs_remove(jobs, start(jobs, begun), ended);
}

JOBQ_TEST(two_wait_until_jobs_are_known_and_four_of_the_shortest)
{
	struct jobq_ring_jobs jobs = { 0 };

	check_int(jobq_ring_jobs_ahead(&jobs, 1000), 2);
	start(&jobs, 1000);
	check_int(jobq_ring_jobs_ahead(&jobs, 1001), 2);
	jobq_ring_jobs_remove(&jobs, &jobs.job[0], 1009);
	check_int(jobq_ring_jobs_ahead(&jobs, 1009), 4);
	jobq_ring_jobs_release(&jobs);
}

JOBQ_TEST(one_that_never_started_says_nothing_of_lengths)
{
	struct jobq_ring_jobs jobs = { 0 };

	jobq_ring_jobs_add(&jobs, "a", 1, 1000);
	check_int(jobq_ring_jobs_ahead(&jobs, 9000), 2);
	jobq_ring_jobs_remove(&jobs, &jobs.job[0], 9000);
	check_int(jobq_ring_jobs_ahead(&jobs, 9000), 2);
	jobq_ring_jobs_release(&jobs);
}

JOBQ_TEST(a_job_of_10_ms_makes_it_two_for_a_second)
{
	struct jobq_ring_jobs jobs = { 0 };

	ends(&jobs, 1000, 1010);
	check_int(jobq_ring_jobs_ahead(&jobs, 1010), 2);
	check_int(jobq_ring_jobs_ahead(&jobs, 2009), 2);
	check_int(jobq_ring_jobs_ahead(&jobs, 2010), 4);
	jobq_ring_jobs_release(&jobs);
}

JOBQ_TEST(a_job_of_100_ms_makes_it_none_while_it_runs_and_a_second_more)
{
	struct jobq_ring_jobs jobs = { 0 };

	ends(&jobs, 1000, 1001);
	start(&jobs, 1001);
	check_int(jobq_ring_jobs_ahead(&jobs, 1100), 2);
	check_int(jobq_ring_jobs_ahead(&jobs, 1101), 0);
	jobq_ring_jobs_remove(&jobs, &jobs.job[0], 3000);
	check_int(jobq_ring_jobs_ahead(&jobs, 3999), 0);
	check_int(jobq_ring_jobs_ahead(&jobs, 4000), 4);
	jobq_ring_jobs_release(&jobs);
}

JOBQ_TEST(a_slow_commit_makes_no_job_longer)
{
	struct jobq_ring_jobs jobs = { 0 };

	jobq_ring_jobs_end(&jobs, start(&jobs, 1000), 1001);
	check_int(jobq_ring_jobs_busy(&jobs), 0);
	check_int(jobq_ring_jobs_ahead(&jobs, 1200), 2);
	jobq_ring_jobs_remove(&jobs, &jobs.job[0], 1200);
	check_int(jobq_ring_jobs_ahead(&jobs, 1200), 4);
	jobq_ring_jobs_release(&jobs);
}
