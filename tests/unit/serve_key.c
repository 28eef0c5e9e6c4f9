#include "serve/key.h"
#include "../support/unit.h"

JOBQ_TEST(serve_key_the_same_key_is_the_same_id)
{
	char id[JOBQ_UUID_SIZE], other[JOBQ_UUID_SIZE];

	/* The first bits of sha256("abc"), ba7816bf8f01cfea4141..., as told. */
	jobq_key_id("abc", 3, id);
	check_str(id, "ba7816bf-8f01-8fea-8141-40de5dae2223");
	jobq_key_id("abcd", 3, other);
	check_str(other, id);
	jobq_key_id("abcd", 4, other);
	check(strcmp(other, id) != 0);
	check(jobq_id_valid(other, strlen(other)));
	check_int(other[14], '8');
}
