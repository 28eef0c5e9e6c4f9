/* jobq-doctor: looks at a store and at what surrounds it. */
#include "doctor.h"
#include "command.h"
#include "json.h"
#include "line.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "banned.h"

static const char *format;
static bool json, table;

static const struct jobq_opt options[] = {
	{ "format", 0, JOBQ_OPT_CHOICE, &format, "FORMAT", "table or lines", 0,
	    0, "table lines" },
	{ "json", 0, JOBQ_OPT_FLAG, &json, NULL, "the same as --format lines",
	    0, 0, NULL },
	{ "table", 0, JOBQ_OPT_FLAG, &table, NULL, "the same as --format table",
	    0, 0, NULL },
	JOBQ_OPT_END,
};

static const char *const synopsis[] = { "[--format FORMAT]", NULL };

static const char *const examples[] = {
	"jobq-doctor",
	"jobq-doctor --json | jq -r 'select(.ok|not).text'",
	NULL,
};

static struct jobq_command command = {
	.name = "jobq-doctor",
	.summary = "check a store, the settings and the commands",
	.synopsis = synopsis,
	.examples = examples,
	.options = options,
	.uses_store = true,
};

static const struct jobq_column columns[] = {
	{ .title = "" },
	{ .title = "CHECK" },
	{ .title = "FOUND" },
};

struct findings {
	struct jobq_writer out;
	struct jobq_table table;
	bool as_table;
	bool failed;
};

static void
take(void *context, const char *check, bool ok, const char *text)
{
	struct findings *findings = context;
	struct jobq_buf line = JOBQ_BUF_INIT;

	findings->failed = findings->failed || !ok;
	if (findings->as_table) {
		jobq_table_text(&findings->table, ok ? "ok" : "FAIL",
		    ok ? JOBQ_SHADE_GOOD : JOBQ_SHADE_BAD);
		jobq_table_text(&findings->table, check, JOBQ_SHADE_NONE);
		jobq_table_text(&findings->table, text, JOBQ_SHADE_NONE);
		return;
	}
	jobq_buf_puts(&line, "{\"check\":");
	jobq_json_put_lossy(&line, check, strlen(check));
	jobq_buf_printf(&line, ",\"ok\":%s,\"text\":", ok ? "true" : "false");
	jobq_json_put_lossy(&line, text, strlen(text));
	jobq_buf_putc(&line, '}');
	jobq_writer_line(&findings->out, line.data, line.len);
	jobq_buf_release(&line);
}

/* What surrounds the store is told also when it cannot be opened. */
static enum jobq_status
examine(const struct jobq_doctor *doctor, struct jobq_err *err)
{
	struct jobq_store *store = NULL;
	enum jobq_status status;
	char *url = NULL;

	status = jobq_doctor_url(doctor, command.store_url, &url, err);
	jobq_doctor_settings(doctor);
	jobq_doctor_commands(doctor);
	if (status == JOBQ_OK)
		status = jobq_store_open(url, JOBQ_STORE_READ, &store, err);
	if (status == JOBQ_OK) {
		jobq_doctor_driver(doctor, url, jobq_store_adapter(store));
		jobq_doctor_files(doctor, url);
		status = jobq_doctor_store(doctor, store, err);
	}
	if (status == JOBQ_OK)
		status = jobq_doctor_plan(doctor, store, err);
	if (status == JOBQ_OK)
		status = jobq_doctor_rehearsal(
		    doctor, url, jobq_store_adapter(store), err);
	jobq_store_close(store);
	free(url);
	return status;
}

int
main(int argc, char **argv)
{
	struct findings findings = { .failed = false };
	struct jobq_doctor doctor = { take, &findings };
	struct jobq_err err, late;
	enum jobq_status status;

	jobq_command_start(&command, argc, argv);
	findings.as_table = format != NULL  ? strcmp(format, "table") == 0
			    : json || table ? !json
					    : isatty(STDOUT_FILENO);
	jobq_writer_init(&findings.out, STDOUT_FILENO);
	jobq_table_init(
	    &findings.table, columns, 3, 0, jobq_colour(STDOUT_FILENO));
	status = examine(&doctor, &err);
	jobq_table_put(&findings.table, &findings.out.buf);
	if (jobq_writer_flush(&findings.out, &late) != JOBQ_OK &&
	    status == JOBQ_OK) {
		status = JOBQ_IO;
		err = late;
	}
	if (status == JOBQ_OK && findings.failed)
		status = JOBQ_EMPTY;
	jobq_writer_release(&findings.out);
	jobq_table_release(&findings.table);
	return jobq_command_end(&command, status, &err);
}
