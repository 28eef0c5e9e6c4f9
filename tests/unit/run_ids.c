#include "run_ids.h"

#include "unit.h"

#include <stdio.h>

#include "banned.h"

static struct jobq_ids *ids;
static char id[JOBQ_GIVEN_ID_SIZE];

static void
make(const char *line)
{
	jobq_ids_make(ids, line, strlen(line), id);
}

JOBQ_TEST(an_id_is_the_hash_and_repeats_are_numbered)
{
	ids = jobq_ids_new();
	make("{\"input\":1}");
	check_int(strlen(id), 16);
	make("{\"input\":2}");
	check_int(strlen(id), 16);
	make("abc"); /* FIPS 180-2, appendix B.1 */
	check_str(id, "ba7816bf8f01cfea");
	make("abc");
	check_str(id, "ba7816bf8f01cfea.2");
	make("abc");
	check_str(id, "ba7816bf8f01cfea.3");
	make("{\"input\":1}");
	check_str(id + 16, ".2");
	jobq_ids_free(ids);
}

JOBQ_TEST(repeats_are_known_over_65536_other_lines_and_memory_is_bounded)
{
	char line[32];

	ids = jobq_ids_new();
	make("abc");
	for (int i = 0; i < 65536; i++) {
		snprintf(line, sizeof(line), "line %d", i);
		make(line);
		check_int(strlen(id), 16);
	}
	make("abc");
	check_str(id, "ba7816bf8f01cfea.2");
	/* Twice as many further on it is forgotten: nothing grows. */
	for (int i = 0; i < 2 * 65536; i++) {
		snprintf(line, sizeof(line), "other %d", i);
		make(line);
	}
	make("abc");
	check_str(id, "ba7816bf8f01cfea");
	jobq_ids_free(ids);
}
