#include "offsets.h"

#include "../support/unit.h"

/* A generator of our own, so that a seed gives the same run everywhere. */
static uint32_t
next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

JOBQ_TEST(offsets_the_commit_never_passes_an_unfinished_job)
{
	enum { MOST = 64 };
	uint32_t seed = 2463534242u;

	for (int round = 0; round < 1000000; round++) {
		int64_t offset[MOST], from = next_random(&seed) % 1000, at;
		struct jobq_offsets offsets;
		bool finished[MOST] = { false };
		int count = (int)(next_random(&seed) % 16) + 1, lowest = 0;

		jobq_offsets_init(&offsets, from);
		at = from;
		for (int i = 0; i < count; i++) {
			/* Some are missing from a log. */
			at += next_random(&seed) % 8 == 0;
			offset[i] = at++;
			check(jobq_offsets_take(&offsets, offset[i]));
		}
		for (int left = count; left > 0; left--) {
			int pick = (int)(next_random(&seed) % (uint32_t)count);

			while (finished[pick])
				pick = (pick + 1) % count;
			finished[pick] = true;
			jobq_offsets_finish(&offsets, offset[pick]);
			while (lowest < count && finished[lowest])
				lowest++;
			check_int(jobq_offsets_commit(&offsets),
			    lowest < count ? offset[lowest] : at);
		}
		check_int(jobq_offsets_window(&offsets), 0);
		jobq_offsets_release(&offsets);
	}
}

/* Goes on from what was committed, as another process would. */
static void
restart(struct jobq_offsets *offsets, size_t most)
{
	struct jobq_offsets next;
	struct jobq_buf text = JOBQ_BUF_INIT;
	struct jobq_err err;

	jobq_offsets_write(offsets, most, &text);
	check(text.len <= most);
	jobq_offsets_init(&next, jobq_offsets_commit(offsets));
	check_int(jobq_offsets_read(&next, text.data, text.len, &err), JOBQ_OK);
	jobq_buf_release(&text);
	jobq_offsets_release(offsets);
	*offsets = next;
}

JOBQ_TEST(offsets_after_restarts_what_was_finished_is_not_taken_again)
{
	enum { ALL = 3000 };
	static int ran[ALL], claims[ALL];
	struct jobq_offsets offsets;
	uint32_t seed = 88172645u;
	int64_t at;

	jobq_offsets_init(&offsets, 0);
	while (jobq_offsets_commit(&offsets) < ALL) {
		int64_t from = jobq_offsets_commit(&offsets);
		int64_t to = from + (int64_t)(next_random(&seed) % 200) + 1;

		for (at = from; at < to && at < ALL; at++) {
			struct jobq_offset *found;

			if (!jobq_offsets_take(&offsets, at))
				continue;
			found = jobq_offsets_find(&offsets, at);
			check(found != NULL);
			check_int(found->claims, claims[at]);
			found->claims = ++claims[at];
		}
		for (at = from; at < to && at < ALL; at++)
			if (jobq_offsets_find(&offsets, at) != NULL &&
			    !jobq_offsets_find(&offsets, at)->finished &&
			    next_random(&seed) % 3 > 0) {
				ran[at]++;
				jobq_offsets_finish(&offsets, at);
			}
		restart(&offsets, 1 << 20);
	}
	for (int i = 0; i < ALL; i++)
		check_int(ran[i], 1);
	jobq_offsets_release(&offsets);
}

JOBQ_TEST(offsets_the_text_of_a_commit_names_claims_and_what_is_finished)
{
	struct jobq_offsets offsets;
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_offsets_init(&offsets, 100);
	jobq_offsets_write(&offsets, 4096, &text);
	check_str(text.data, "jobq:1");
	for (int64_t at = 100; at < 110; at++)
		check(jobq_offsets_take(&offsets, at));
	for (int64_t at = 101; at < 108; at++) {
		jobq_offsets_find(&offsets, at)->claims = at < 103 ? 2 : 1;
		jobq_offsets_find(&offsets, at)->open = at < 106;
	}
	jobq_offsets_finish(&offsets, 104);
	jobq_offsets_finish(&offsets, 109);
	jobq_offsets_write(&offsets, 4096, &text);
	check_str(text.data, "jobq:1 1-2:2.1 3:1.1 4:f 5:1.1 6-7:1 9:f");
	/* With less room it says less, and never too few claims. */
	jobq_offsets_write(&offsets, 33, &text);
	check_str(text.data, "jobq:1 1-2:2.1 3:1.1 5:1.1 6-7:1");
	jobq_offsets_write(&offsets, 31, &text);
	check_str(text.data, "jobq:1 1-2:2.1 3-5:1.1 6-7:1");
	jobq_offsets_write(&offsets, 27, &text);
	check_str(text.data, "jobq:1 0-9:2");
	jobq_offsets_finish(&offsets, 100);
	jobq_offsets_write(&offsets, 4096, &text);
	check_str(text.data, "jobq:1 0-1:2.1 2:1.1 3:f 4:1.1 5-6:1 8:f");
	jobq_buf_release(&text);
	jobq_offsets_release(&offsets);
}

JOBQ_TEST(offsets_what_was_told_stays_told_until_it_is_taken)
{
	struct jobq_offsets offsets;
	struct jobq_err err;

	jobq_offsets_init(&offsets, 5);
	check_int(jobq_offsets_read(
		      &offsets, "jobq:1 0:1.1 1:f 2-4:3.2 9:f", 28, &err),
	    JOBQ_OK);
	check(jobq_offsets_take(&offsets, 5));
	restart(&offsets, 4096);
	check_int(jobq_offsets_commit(&offsets), 5);
	check(jobq_offsets_take(&offsets, 5));
	check(!jobq_offsets_take(&offsets, 5));
	check(!jobq_offsets_take(&offsets, 6));
	jobq_offsets_finish(&offsets, 5);
	check_int(jobq_offsets_commit(&offsets), 7);
	restart(&offsets, 4096);
	for (int64_t at = 7; at < 10; at++) {
		check(jobq_offsets_take(&offsets, at));
		check_int(jobq_offsets_find(&offsets, at)->claims, 3);
		check_int(jobq_offsets_find(&offsets, at)->open, 2);
	}
	/* A hole in the log is passed by. */
	check(jobq_offsets_take(&offsets, 12));
	check_int(jobq_offsets_window(&offsets), 6);
	check(jobq_offsets_find(&offsets, 11) == NULL);
	jobq_offsets_release(&offsets);
}

JOBQ_TEST(offsets_a_claim_may_be_counted_ahead)
{
	struct jobq_offsets offsets;
	struct jobq_buf text = JOBQ_BUF_INIT;

	jobq_offsets_init(&offsets, 7);
	check(!jobq_offsets_ahead(&offsets, 6));
	check(jobq_offsets_ahead(&offsets, 7));
	check(!jobq_offsets_ahead(&offsets, 8));
	jobq_offsets_write(&offsets, 4096, &text);
	check_str(text.data, "jobq:1 0:1");
	check(jobq_offsets_take(&offsets, 7));
	check(jobq_offsets_find(&offsets, 7)->ahead);
	check(!jobq_offsets_find(&offsets, 7)->sure);
	check_int(jobq_offsets_find(&offsets, 7)->claims, 1);
	check_int(jobq_offsets_find(&offsets, 7)->open, 0);
	/* Whoever goes on does not give that claim again. */
	check(jobq_offsets_ahead(&offsets, 8));
	jobq_offsets_committed(&offsets);
	check(jobq_offsets_take(&offsets, 8));
	check(jobq_offsets_find(&offsets, 8)->ahead);
	check(jobq_offsets_find(&offsets, 8)->sure);
	restart(&offsets, 4096);
	check(jobq_offsets_take(&offsets, 7));
	check(!jobq_offsets_find(&offsets, 7)->ahead);
	check_int(jobq_offsets_find(&offsets, 7)->claims, 1);
	check(jobq_offsets_take(&offsets, 8));
	/* An offset that is passed by takes its claim with it. */
	check(jobq_offsets_ahead(&offsets, 9));
	check(jobq_offsets_take(&offsets, 10));
	check_int(jobq_offsets_find(&offsets, 10)->claims, 0);
	check(jobq_offsets_ahead(&offsets, 11));
	jobq_buf_release(&text);
	jobq_offsets_release(&offsets);
}

JOBQ_TEST(offsets_a_text_that_is_not_ours_tells_nothing)
{
	static const char *const texts[] = { "", "jobq", "jobq:2 0:1",
		"jobq:1 ", "jobq:1 x", "jobq:1 0", "jobq:1 0:", "jobq:1 0:g",
		"jobq:1 0-:1", "jobq:1 3-2:1", "jobq:1 0:1.", "jobq:1 0:1,",
		"jobq:1 0:1  2:1", "jobq:1 1:1 1:1", "jobq:1 -1:1",
		"jobq:1 0-99999999999:1", "jobq:1 0:9999999999999999999",
		"{\"attempt\":1}", NULL };

	for (size_t i = 0; texts[i] != NULL; i++) {
		struct jobq_offsets offsets;
		struct jobq_err err;

		jobq_offsets_init(&offsets, 0);
		check_int(jobq_offsets_read(
			      &offsets, texts[i], strlen(texts[i]), &err),
		    JOBQ_INVALID);
		check(jobq_offsets_take(&offsets, 0));
		check_int(jobq_offsets_find(&offsets, 0)->claims, 0);
		jobq_offsets_release(&offsets);
	}
}
