#include "id.h"
#include "clock.h"
#include "../support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* In place of the library's: a clock that stands still, or goes back. */
static int64_t now_ms = INT64_C(1795343445123);

int64_t
jobq_wall_ms(void)
{
	return now_ms;
}

static bool
valid(const char *text)
{
	return jobq_id_valid(text, strlen(text));
}

JOBQ_TEST(id_takes_what_the_line_format_allows)
{
	char text[200];

	check(valid("a"));
	check(valid("7"));
	check(valid("Z9.a_b:c@d-e"));
	check(valid("0192f0c1-2b3d-7abc-8def-0123456789ab"));
	memset(text, 'x', sizeof(text));
	check(jobq_id_valid(text, JOBQ_ID_MAX));
	check(!jobq_id_valid(text, JOBQ_ID_MAX + 1));
	check(!jobq_id_valid(text, 0));
}

JOBQ_TEST(id_refuses_all_other_bytes)
{
	static const char inside[] = "abcdefghijklmnopqrstuvwxyz"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	for (int c = 0; c < 256; c++) {
		char text[2] = { (char)c, 'a' };
		bool letter = c != 0 && strchr(inside, c) != NULL;
		bool other = c != 0 && strchr("._:@-", c) != NULL;

		check(jobq_id_valid(text, 2) == letter);
		text[0] = 'a';
		text[1] = (char)c;
		check(jobq_id_valid(text, 2) == (letter || other));
	}
}

JOBQ_TEST(id_uuids_have_the_form_of_version_7)
{
	for (int i = 0; i < 1000; i++) {
		char uuid[JOBQ_UUID_SIZE];
		char hex[13] = "";
		int64_t ms;

		jobq_uuid7(uuid);
		check_int(strlen(uuid), 36);
		check(valid(uuid));
		check_int(strspn(uuid, "0123456789abcdef-"), 36);
		check(uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' &&
		      uuid[23] == '-');
		check_int(uuid[14], '7');
		check(strchr("89ab", uuid[19]) != NULL);
		memcpy(hex, uuid, 8);
		memcpy(hex + 8, uuid + 9, 4);
		ms = (int64_t)strtoll(hex, NULL, 16);
		check(ms == now_ms);
	}
}

/* Far more ids than one millisecond has counts for. */
JOBQ_TEST(id_uuids_grow_while_the_clock_stands_still_or_goes_back)
{
	char before[JOBQ_UUID_SIZE] = "";
	char uuid[JOBQ_UUID_SIZE];

	for (int i = 0; i < 30000; i++) {
		jobq_uuid7(uuid);
		check(strcmp(before, uuid) < 0);
		memcpy(before, uuid, sizeof(uuid));
		if (i == 10000)
			now_ms -= 3600000;
		if (i == 20000)
			now_ms += 7200000;
	}
}

/* Method 1: no count is used up by its random beginning. */
JOBQ_TEST(id_uuids_of_one_millisecond_have_room_for_2048)
{
	char uuid[JOBQ_UUID_SIZE];

	for (int round = 0; round < 20; round++) {
		char first[JOBQ_UUID_SIZE];

		now_ms++;
		jobq_uuid7(first);
		check(strchr("01234567", first[15]) != NULL);
		for (int i = 0; i < 2047; i++)
			jobq_uuid7(uuid);
		check(memcmp(uuid, first, 13) == 0);
		now_ms += 10;
	}
}

JOBQ_TEST(id_a_forked_child_makes_others_than_its_parent)
{
	char mine[JOBQ_UUID_SIZE];
	char its[JOBQ_UUID_SIZE] = "";
	int pipes[2];
	pid_t pid;

	jobq_uuid7(mine);
	check(pipe(pipes) == 0);
	pid = fork();
	check(pid >= 0);
	if (pid == 0) {
		jobq_uuid7(mine);
		_exit(
		    write(pipes[1], mine, sizeof(mine)) == (ssize_t)sizeof(mine)
			? 0
			: 1);
	}
	jobq_uuid7(mine);
	check_int(jobq_unit_wait(pid), 0);
	check(read(pipes[0], its, sizeof(its)) == (ssize_t)sizeof(its));
	check(strcmp(mine + 19, its + 19) != 0);
}

/* The digests of FIPS 180-4's examples. */
JOBQ_TEST(id_lines_are_known_by_their_sha256)
{
	char hash[17];

	jobq_line_hash("", 0, hash);
	check_str(hash, "e3b0c44298fc1c14");
	jobq_line_hash("abc", 3, hash);
	check_str(hash, "ba7816bf8f01cfea");
	jobq_line_hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnop"
		       "nopq",
	    56, hash);
	check_str(hash, "248d6a61d20638b8");
	check(valid(hash));
}
