#include "backoff.h"
#include "../support/unit.h"

static void
check_near(int64_t got, int64_t wanted)
{
	check(got >= wanted - wanted / 10);
	check(got <= wanted + wanted / 10);
}

JOBQ_TEST(backoff_doubles_from_one_second_to_thirty)
{
	static const int64_t waits[] = { 1000, 2000, 4000, 8000, 16000, 30000,
		30000, 30000 };

	for (int round = 0; round < 100; round++) {
		struct jobq_backoff backoff = JOBQ_BACKOFF_INIT;

		for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
			check_near(jobq_backoff_fail(&backoff), waits[i]);
		jobq_backoff_reset(&backoff);
		check_near(jobq_backoff_fail(&backoff), 1000);
	}
}

JOBQ_TEST(backoff_is_spread_to_both_sides)
{
	int below = 0;
	int above = 0;

	for (int i = 0; i < 200; i++) {
		struct jobq_backoff backoff = { 10000, 10000, 0, false };
		int64_t wait = jobq_backoff_fail(&backoff);

		check_near(wait, 10000);
		below += wait < 10000;
		above += wait > 10000;
	}
	check(below > 0);
	check(above > 0);
}

JOBQ_TEST(backoff_holds_to_bounds_of_its_user)
{
	struct jobq_backoff backoff = { 50, 120, 0, false };
	struct jobq_backoff narrow = { 500, 100, 0, false };
	struct jobq_backoff none = { 0, 1000, 0, false };

	check_near(jobq_backoff_fail(&backoff), 50);
	check_near(jobq_backoff_fail(&backoff), 100);
	check_near(jobq_backoff_fail(&backoff), 120);
	check_near(jobq_backoff_fail(&narrow), 100);
	check_int(jobq_backoff_fail(&none), 0);
	check_int(jobq_backoff_fail(&none), 0);
}

JOBQ_TEST(backoff_tells_the_first_failure_from_the_others)
{
	struct jobq_backoff backoff = JOBQ_BACKOFF_INIT;

	check(jobq_backoff_fresh(&backoff));
	jobq_backoff_fail(&backoff);
	check(!jobq_backoff_fresh(&backoff));
	jobq_backoff_fail(&backoff);
	check(!jobq_backoff_fresh(&backoff));
	jobq_backoff_reset(&backoff);
	check(jobq_backoff_fresh(&backoff));
}

JOBQ_TEST(backoff_that_is_exact_has_no_spread)
{
	static const int64_t waits[] = { 1000, 2000, 4000, 8000, 16000, 30000,
		30000, 30000 };
	struct jobq_backoff backoff = JOBQ_BACKOFF_INIT;
	struct jobq_err err;

	backoff.exact = true;
	check_int(jobq_backoff_parse(
		      "1s..30s", &backoff.first_ms, &backoff.most_ms, &err),
	    JOBQ_OK);
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
		check_int(jobq_backoff_fail(&backoff), waits[i]);
	jobq_backoff_reset(&backoff);
	check_int(jobq_backoff_fail(&backoff), 1000);
	check(jobq_backoff_parse("2s..1s", &backoff.first_ms, &backoff.most_ms,
		  &err) != JOBQ_OK);
	check(jobq_backoff_parse(
		  "x", &backoff.first_ms, &backoff.most_ms, &err) != JOBQ_OK);
}
