#include "adopt_args.h"

#include "adopt.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

/* A lease that is renewed, and one that no job may outlast. */
#define RENEWED_MS 60000
#define WHOLE_MS 3600000

#define MAX_ATTEMPTS 5

#define COLUMN JOBQ_ADOPT_COLUMN
#define TABLE JOBQ_ADOPT_TABLE
#define STATUS JOBQ_ADOPT_STATUS

static const struct word {
	const char *option, *name; /* on the command line, in templates */
	enum jobq_adopt_kind kind;
	bool needed;
	const char *help;
} words[JOBQ_ADOPT_NAMES] = {
	{ "table", "table", TABLE, true, "adopt this table" },
	{ "id", "id", COLUMN, true, "its column of unique ids" },
	{ "state", "state", COLUMN, true, "its column of statuses" },
	{ "pending", "pending", STATUS, true, "the status of what waits" },
	{ "running", "running", STATUS, true, "the status of what runs" },
	{ "completed", "completed", STATUS, true,
	    "the status of what was done" },
	{ "failed", "failed", STATUS, true,
	    "the status of what failed for good" },
	{ "input", "input", COLUMN, false,
	    "the column of inputs; none: the whole row is the input" },
	{ "queue", "queue", COLUMN, false, "the column of queues" },
	{ "name", "name", COLUMN, false, "the column of names" },
	{ "priority", "priority", COLUMN, false,
	    "the column of priorities, higher first" },
	{ "run-at", "run_at", COLUMN, false,
	    "the column of times before which nothing is run" },
	{ "attempts", "attempts", COLUMN, false,
	    "the column that counts attempts" },
	{ "worker", "worker", COLUMN, false, "the column for the worker" },
	{ "epoch", "epoch", COLUMN, false,
	    "a column of type bigint that counts claims" },
	{ "started-at", "started_at", COLUMN, false,
	    "the column for the time of the claim" },
	{ "finished-at", "finished_at", COLUMN, false,
	    "the column for the time of the end" },
	{ "error", "error", COLUMN, false, "the column for what went wrong" },
	{ "output", "output", COLUMN, false, "the column for results" },
	{ "updated-at", "updated_at", COLUMN, false,
	    "the column by which every worker says that it lives" },
};

enum {
	NAME_TABLE = 0,
	NAME_ATTEMPTS = 12,
	NAME_STARTED_AT = 15,
	NAME_UPDATED_AT = 19
};

/* How an id is written, and what is below them all, in SQL. */
static const struct id_type {
	const char *name, *type, *form, *least;
} id_types[] = {
	{ "number", "bigint", "^(0|[1-9][0-9]{0,17})$", "-1" },
	{ "uuid", "uuid", "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
	    "'00000000-0000-0000-0000-000000000000'" },
	{ "text", "text", "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$", "''" },
};

void
jobq_adopt_options(
    struct jobq_adopt_args *args, struct jobq_opt option[JOBQ_ADOPT_OPTIONS])
{
	*args = (struct jobq_adopt_args){ .lease_ms = -1, .max_attempts = -1 };
	for (size_t i = 0; i < JOBQ_ADOPT_NAMES; i++)
		*option++ = (struct jobq_opt){
			.name = words[i].option,
			.type = JOBQ_OPT_STRING,
			.to = &args->name[i],
			.arg = words[i].kind == JOBQ_ADOPT_STATUS  ? "STATUS"
			       : words[i].kind == JOBQ_ADOPT_TABLE ? "TABLE"
								   : "COLUMN",
			.help = words[i].help,
		};
	*option++ = (struct jobq_opt){ "id-type", 0, JOBQ_OPT_CHOICE,
		&args->id_type, "TYPE", "number (the default), uuid or text", 0,
		0, "number uuid text" };
	*option++ = (struct jobq_opt){ "max-attempts", 0, JOBQ_OPT_INT,
		&args->max_attempts, "N", "fail for good after N attempts (5)",
		1, 1000, NULL };
	*option++ = (struct jobq_opt){ "lease", 'l', JOBQ_OPT_DURATION,
		&args->lease_ms, "DURATION",
		"take a silent worker for dead after it (60 s renewed, else "
		"1 h)",
		1000, 0, NULL };
	*option++ = (struct jobq_opt){ "into", 0, JOBQ_OPT_STRING, &args->dir,
		"DIR", "write there (./adapters/TABLE)", 0, 0, NULL };
	*option = (struct jobq_opt){ "force", 0, JOBQ_OPT_FLAG, &args->force,
		NULL, "write over the files that are there", 0, 0, NULL };
}

bool
jobq_adopt_given(const struct jobq_adopt_args *args)
{
	for (size_t i = 0; i < JOBQ_ADOPT_NAMES; i++)
		if (args->name[i] != NULL)
			return true;
	return args->id_type != NULL || args->dir != NULL || args->force ||
	       args->lease_ms >= 0 || args->max_attempts >= 0;
}

/* What is needed, and what goes with what. */
static enum jobq_status
check(const struct jobq_adopt_args *args, struct jobq_err *err)
{
	for (size_t i = 0; i < JOBQ_ADOPT_NAMES; i++)
		if (words[i].needed && args->name[i] == NULL)
			return jobq_fail(err, JOBQ_CONFIG,
			    "adopt needs --%s: %s", words[i].option,
			    words[i].help);
	if (args->max_attempts >= 0 && args->name[NAME_ATTEMPTS] == NULL)
		return jobq_fail(err, JOBQ_CONFIG,
		    "--max-attempts needs --attempts, a column that counts "
		    "them");
	if (args->lease_ms >= 0 && args->name[NAME_STARTED_AT] == NULL &&
	    args->name[NAME_UPDATED_AT] == NULL)
		return jobq_fail(err, JOBQ_CONFIG,
		    "--lease needs --updated-at or --started-at, a column that "
		    "tells when a worker was last heard of");
	return JOBQ_OK;
}

static void
put_dir(const struct jobq_adopt_args *args, struct jobq_buf *dir)
{
	const char *table = args->name[NAME_TABLE];
	const char *dot = strchr(table, '.');

	if (args->dir == NULL)
		jobq_buf_printf(
		    dir, "./adapters/%s", dot == NULL ? table : dot + 1);
	else if (args->dir[0] == '/' || strncmp(args->dir, "./", 2) == 0)
		jobq_buf_puts(dir, args->dir);
	else
		jobq_buf_printf(dir, "./%s", args->dir);
	while (dir->len > 2 && dir->data[dir->len - 1] == '/')
		dir->data[--dir->len] = '\0';
}

enum jobq_status
jobq_adopt(const struct jobq_adopt_args *args, bool dry, struct jobq_buf *said,
    struct jobq_err *err)
{
	struct jobq_buf dir = JOBQ_BUF_INIT;
	const struct id_type *id = id_types;
	bool renews = args->name[NAME_UPDATED_AT] != NULL;
	int64_t lease_ms = args->lease_ms >= 0 ? args->lease_ms
			   : renews	       ? RENEWED_MS
					       : WHOLE_MS;
	struct jobq_adopt_value value[JOBQ_ADOPT_NAMES + 7];
	char lease[24], attempts[24];
	enum jobq_status status = check(args, err);
	size_t count = 0;

	if (status != JOBQ_OK)
		return status;
	while (args->id_type != NULL && strcmp(id->name, args->id_type) != 0)
		id++;
	snprintf(lease, sizeof lease, "%.10g", (double)lease_ms / 1000);
	snprintf(attempts, sizeof attempts, "%d",
	    args->max_attempts < 0 ? MAX_ATTEMPTS : (int)args->max_attempts);
	put_dir(args, &dir);
	for (; count < JOBQ_ADOPT_NAMES; count++)
		value[count] = (struct jobq_adopt_value){ words[count].name,
			words[count].kind, args->name[count] };
	const struct jobq_adopt_value more[] = {
		{ "lease", JOBQ_ADOPT_TEXT, lease },
		{ "max_attempts", JOBQ_ADOPT_TEXT, attempts },
		{ "dir", JOBQ_ADOPT_TEXT, dir.data },
		{ "id_type", JOBQ_ADOPT_TEXT, id->type },
		{ "id_form", JOBQ_ADOPT_TEXT, id->form },
		{ "id_least", JOBQ_ADOPT_TEXT, id->least },
		{ "id_text", JOBQ_ADOPT_TEXT,
		    strcmp(id->type, "text") == 0 ? "" : NULL },
	};
	memcpy(value + count, more, sizeof more);
	count += sizeof more / sizeof *more;
	status = jobq_adopt_check(value, count, err);
	if (status == JOBQ_OK && !dry)
		status = jobq_adopt_write(
		    "postgresql", dir.data, args->force, value, count, err);
	if (status == JOBQ_OK && dry)
		jobq_buf_printf(said, "would write the adapter %s", dir.data);
	else if (status == JOBQ_OK)
		jobq_buf_printf(said,
		    "wrote the adapter %s: read it, then try it by jobq-doctor "
		    "--store 'postgresql://...?adapter=%s'",
		    dir.data, dir.data);
	jobq_buf_release(&dir);
	return status;
}
