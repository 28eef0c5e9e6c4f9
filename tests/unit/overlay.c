#include "job.h"
#include "overlay.h"
#include "../support/unit.h"

#include <stdio.h>
#include <stdlib.h>

/* Applies the overlay to a line; the result must be wanted. */
static void
check_applied(
    const struct jobq_overlay *overlay, const char *line, const char *wanted)
{
	struct jobq_object members = { 0 };
	struct jobq_buf out = JOBQ_BUF_INIT;
	struct jobq_err err;

	/* What was there before is not looked at. */
	jobq_buf_puts(&out, "rubbish");
	if (jobq_object_scan(&members, line, strlen(line), &err) != JOBQ_OK ||
	    jobq_overlay_apply(overlay, &members, &out, &err) != JOBQ_OK)
		jobq_unit_fail(__FILE__, __LINE__, "%s: %s", line, err.text);
	check_text(out.data, out.len, wanted);
	/* The members now stand in the new text. */
	for (size_t i = 0; i < members.count; i++) {
		check(members.member[i].key.at > out.data);
		check(members.member[i].value.at < out.data + out.len);
	}
	jobq_object_release(&members);
	jobq_buf_release(&out);
}

static void
fill(struct jobq_overlay *overlay)
{
	jobq_overlay_text(overlay, "queue", "a \"q\"\n");
	jobq_overlay_text(overlay, "key", NULL);
	jobq_overlay_int(overlay, "priority", -7);
	jobq_overlay_int(overlay, "max_attempts", JOBQ_ABSENT);
	jobq_overlay_json(overlay, "timeout", "1.50");
	jobq_overlay_json(overlay, "needs", NULL);
}

#define ALL "\"queue\":\"a \\\"q\\\"\\n\",\"priority\":-7,\"timeout\":1.50"

JOBQ_TEST(overlay_adds_what_a_line_lacks_behind_what_it_has)
{
	struct jobq_overlay overlay = { 0 };

	fill(&overlay);
	check_applied(&overlay, "{}", "{" ALL "}");
	check_applied(&overlay, "{ }", "{" ALL "}");
	check_applied(&overlay, "{\"a\":1e400}", "{\"a\":1e400," ALL "}");
	check_applied(&overlay, " { \"a\" : [ 1.10 ] , \"b\":\"\\u0000\" } ",
	    "{ \"a\" : [ 1.10 ] , \"b\":\"\\u0000\" ," ALL "}");
	jobq_overlay_release(&overlay);
}

JOBQ_TEST(overlay_leaves_what_a_line_has_as_it_is)
{
	struct jobq_overlay overlay = { 0 };

	fill(&overlay);
	check_applied(&overlay,
	    "{\"priority\":1.0,\"queue\":\"own\",\"timeout\":9}",
	    "{\"priority\":1.0,\"queue\":\"own\",\"timeout\":9}");
	check_applied(&overlay, "{\"timeout\":\"odd\",\"qu\\u0065ue\":\"own\"}",
	    "{\"timeout\":\"odd\",\"qu\\u0065ue\":\"own\",\"priority\":-7}");
	/* Only the top level counts. */
	check_applied(&overlay, "{\"input\":{\"queue\":\"x\"},\"timeout\":1}",
	    "{\"input\":{\"queue\":\"x\"},\"timeout\":1,"
	    "\"queue\":\"a \\\"q\\\"\\n\",\"priority\":-7}");
	jobq_overlay_release(&overlay);
}

JOBQ_TEST(overlay_takes_null_for_absent_where_it_has_a_value)
{
	struct jobq_overlay overlay = { 0 };

	jobq_overlay_text(&overlay, "queue", "q");
	check_applied(
	    &overlay, "{\"queue\":null,\"a\":1}", "{\"a\":1,\"queue\":\"q\"}");
	check_applied(&overlay, "{\"a\":1, \"queue\" : null }",
	    "{\"a\":1,\"queue\":\"q\"}");
	check_applied(&overlay, "{\"queue\":null}", "{\"queue\":\"q\"}");
	check_applied(&overlay, "{\"name\":null,\"queue\":null}",
	    "{\"name\":null,\"queue\":\"q\"}");
	jobq_overlay_release(&overlay);
}

JOBQ_TEST(overlay_without_members_changes_no_line)
{
	struct jobq_overlay overlay = { 0 };

	check_applied(&overlay, "{\"queue\":null,\"a\":1.10}",
	    "{\"queue\":null,\"a\":1.10}");
	check_applied(&overlay, "{}", "{}");
	jobq_overlay_release(&overlay);
}

JOBQ_TEST(overlay_replaces_what_is_not_utf8_in_a_text)
{
	struct jobq_overlay overlay = { 0 };

	jobq_overlay_text(&overlay, "key", "a\xff");
	check_applied(&overlay, "{}", "{\"key\":\"a\xef\xbf\xbd\"}");
	jobq_overlay_release(&overlay);
}
