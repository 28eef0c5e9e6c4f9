/*
 * The script of --print. It has no subreaper, so what a killed runner's jobs
 * have left behind stays; for the rest it keeps the rules of work.c.
 */
#include "work.h"

#include "place.h"
#include "url.h"
#include "work_args.h"

#include <string.h>

#include "banned.h"

static const char begin[] =
    "#!/bin/sh\n"
    "# The circle of jobq-work: claim and run with a pipe each way, built\n"
    "# anew when one of them dies. TERM and INT end it in good order, a\n"
    "# second one at once.\n"
    "set -u\n\n";

static const char helpers[] =
    "# The exit code of a child, in $code. A signal may interrupt a wait;\n"
    "# then it is waited for again, and may be known no more.\n"
    "await() {\n"
    "\tcode=127\n"
    "\twhile :; do\n"
    "\t\twoken=0\n"
    "\t\twait \"$1\"\n"
    "\t\tgot=$?\n"
    "\t\t[ \"$got\" -eq 127 ] || code=$got\n"
    "\t\tcase $woken:$got in\n"
    "\t\t0:* | *:127) break ;;\n"
    "\t\tesac\n"
    "\tdone\n"
    "}\n\n"
    "stopped=0\n"
    "claim_pid='' run_pid=''\n"
    "stop() {\n"
    "\twoken=1\n"
    "\tstopped=$((stopped + 1))\n"
    "\tif [ \"$stopped\" -eq 1 ]; then\n"
    "\t\t[ -z \"$claim_pid\" ] || kill -s TERM \"$claim_pid\"\n"
    "\t\tsleep 0.05\n"
    "\t\t[ -z \"$run_pid\" ] || kill -s TERM \"$run_pid\"\n"
    "\telse\n"
    "\t\t[ -z \"$run_pid\" ] || kill -s TERM \"$run_pid\"\n"
    "\t\tsleep 0.5\n"
    "\t\tkill -s KILL $run_pid\n"
    "\t\tkill -s TERM $claim_pid\n"
    "\tfi\n"
    "} 2>/dev/null\n\n"
    "# One life of the circle. Named pipes are opened so that no opening\n"
    "# waits, and each stage gets its own two ends only.\n"
    "circle() {\n"
    "\trm -f \"$folder\"/*\n"
    "\tmkfifo \"$folder/jobs\" \"$folder/events\" || exit 75\n"
    "\texec 3<>\"$folder/jobs\" 4<>\"$folder/events\"\n"
    "\texec 5>\"$folder/jobs\" 6<\"$folder/jobs\"\n"
    "\texec 7>\"$folder/events\" 8<\"$folder/events\" 3>&- 4>&-\n"
    "\t";

/* Its pid is the one that $! gives; jobq-fetch ends with what feeds it. */
static const char run_alone[] = "run <&6 >&7 5>&- 6<&- 7>&- 8<&- &\n";
static const char run_fetching[] = "fetch <&6 5>&- 6<&- 7>&- 8<&- |\n"
				   "\t\trun >&7 5>&- 6<&- 7>&- 8<&- &\n";

static const char more_helpers[] =
    "\trun_pid=$!\n"
    "\tclaim <&8 >&5 5>&- 6<&- 7>&- 8<&- &\n"
    "\tclaim_pid=$!\n"
    "\texec 5>&- 6<&- 7>&- 8<&-\n"
    "\t[ \"$stopped\" -eq 0 ] || kill -s TERM \"$claim_pid\" \"$run_pid\"\n"
    "\tawait \"$claim_pid\"\n"
    "\tclaim_pid='' claim_code=$code\n"
    "\tawait \"$run_pid\"\n"
    "\trun_pid='' run_code=$code\n"
    "}\n\n"
    "# Five deaths within a minute are the end; else a longer wait each time.\n"
    "death() {\n"
    "\tnow=$(date +%s)\n"
    "\techo \"jobq-claim ended with $claim_code, jobq-run with $run_code\" "
    ">&2\n"
    "\t[ $((now - begun)) -lt 60 ] || pause=1\n"
    "\tdeaths=\"$deaths $now\"\n"
    "\tset -- $deaths\n"
    "\t[ $# -le 5 ] || shift\n"
    "\tdeaths=$*\n"
    "\t[ $# -lt 5 ] || [ $((now - $1)) -ge 60 ] || exit 75\n"
    "\tsleep \"$pause\" &\n"
    "\tawait $!\n"
    "\tpause=$((pause * 2))\n"
    "\t[ \"$pause\" -le 30 ] || pause=30\n"
    "}\n\n";

static const char work[] = "\ttrap stop TERM INT\n"
			   "\ttrap 'rm -rf \"$folder\"' EXIT\n"
			   "\tfolder=$(mktemp -d) || exit 75\n"
			   "\tdeaths='' pause=1 failed=0\n";

static const char fetch_check[] =
    "\t(fetch </dev/null >/dev/null) || [ $? -ne 2 ] || exit 2\n";

static const char more_work[] =
    "\t(run </dev/null >/dev/null) || [ $? -ne 2 ] || exit 2\n"
    "\twhile [ \"$stopped\" -eq 0 ]; do\n"
    "\t\tbegun=$(date +%s)\n"
    "\t\tcircle\n"
    "\t\t[ \"$claim_code\" -ne 1 ] || failed=1\n"
    "\t\tcase $claim_code:$run_code in\n"
    "\t\t2:* | *:2) exit 2 ;;\n"
    "\t\t[01]:[01])\n";

static const char halted[] =
    "\t\t\t[ \"$run_code\" -eq 0 ] || failed=1 # as jobq-run says it\n";

static const char halted_end[] = "\t\t\t[ \"$run_code\" -eq 0 ] || break\n";

static const char work_end[] = "\t\t\t;;\n"
			       "\t\tesac\n"
			       "\t\t[ \"$stopped\" -eq 0 ] || exit 75\n"
			       "\t\tdeath\n";

static void
put_word(struct jobq_buf *out, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz"
				    "0123456789_@%+=:,./-";

	if (*word != '\0' && strspn(word, plain) == strlen(word)) {
		jobq_buf_puts(out, word);
		return;
	}
	jobq_buf_putc(out, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			jobq_buf_puts(out, "'\\''");
		else
			jobq_buf_putc(out, *word);
	}
	jobq_buf_putc(out, '\'');
}

static void
put_words(struct jobq_buf *out, struct jobq_words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		jobq_buf_putc(out, ' ');
		put_word(out, words->item[i]);
	}
	jobq_words_release(words);
}

/* A password is given by JOBQ_URL, never printed. */
static void
put_store(struct jobq_buf *out, const char *url)
{
	struct jobq_buf shown = JOBQ_BUF_INIT;

	if (url == NULL)
		return;
	jobq_url_redact(url, &shown);
	if (shown.data != NULL && strcmp(shown.data, url) == 0) {
		jobq_buf_puts(out, "JOBQ_URL=");
		put_word(out, url);
		jobq_buf_puts(out, "\nexport JOBQ_URL\n\n");
	} else {
		jobq_buf_puts(out,
		    ": \"${JOBQ_URL:?must be set, for a password is not "
		    "printed}\"\nexport JOBQ_URL\n\n");
	}
	jobq_buf_release(&shown);
}

/* $until is how this circle ends. */
static void
put_stages(struct jobq_buf *out, const struct jobq_work_options *options)
{
	struct jobq_words words = { NULL, 0, 0 };
	struct jobq_work_end end = { .for_ms = options->for_ms,
		.max_jobs = options->max_jobs };

	if (options->until_empty)
		end.for_ms = JOBQ_NOT_GIVEN;
	jobq_work_claim_args(&words, options, &end);
	jobq_buf_puts(out, "claim() {\n\texec \"$bin/jobq-claim\"");
	put_words(out, &words);
	if (options->until_empty)
		jobq_buf_puts(out, " $until");
	jobq_buf_puts(
	    out, "\n}\n\nrun() {\n\tunset JOBQ_URL\n\texec \"$bin/jobq-run\"");
	jobq_work_run_args(&words, options, &end);
	put_words(out, &words);
	jobq_buf_puts(out, "\n}\n\n");
	if (options->fetch == NULL)
		return;
	jobq_buf_puts(
	    out, "fetch() {\n\tunset JOBQ_URL\n\texec \"$bin/jobq-fetch\"");
	jobq_work_fetch_args(&words, options);
	put_words(out, &words);
	jobq_buf_puts(out, "\n}\n\n");
}

static void
put_until(struct jobq_buf *out, const struct jobq_work_options *options)
{
	jobq_buf_puts(out, "until='--until-empty");
	if (options->for_ms != JOBQ_NOT_GIVEN)
		jobq_buf_printf(
		    out, " --for %lldms", (long long)options->for_ms);
	jobq_buf_puts(out, "'\n\n");
}

static void
put_work(struct jobq_buf *out, const struct jobq_work_options *options)
{
	bool ends = options->until_empty || options->until_done ||
		    options->max_jobs != JOBQ_NOT_GIVEN ||
		    options->for_ms != JOBQ_NOT_GIVEN;
	bool halts = options->run->halt_failed > 0;

	jobq_buf_puts(out, "work() {\n");
	if (options->until_empty)
		jobq_buf_puts(out, "\tdone=$until\n");
	jobq_buf_puts(out, work);
	if (options->fetch != NULL)
		jobq_buf_puts(out, fetch_check);
	jobq_buf_puts(out, more_work);
	if (halts)
		jobq_buf_puts(out, halted);
	jobq_buf_puts(out, "\t\t\t[ \"$stopped\" -eq 0 ] || break\n");
	if (options->until_empty)
		jobq_buf_puts(out,
		    "\t\t\t[ \"$until\" != \"$done\" ] || break\n"
		    "\t\t\tuntil=$done\n"
		    "\t\t\tcontinue\n");
	else if (ends)
		jobq_buf_puts(out, "\t\t\tbreak\n");
	else if (halts)
		jobq_buf_puts(out, halted_end);
	jobq_buf_puts(out, work_end);
	if (options->until_empty)
		jobq_buf_printf(out,
		    "\t\t# The dead circle's jobs come back with their "
		    "leases.\n\t\tuntil='--for %lldms'\n",
		    (long long)jobq_work_lease_ms(options));
	jobq_buf_puts(out, "\tdone\n\texit \"$failed\"\n}\n\nwork\n");
}

enum jobq_status
jobq_work_script(const struct jobq_work_options *options, struct jobq_buf *out,
    struct jobq_err *err)
{
	struct jobq_buf folder = JOBQ_BUF_INIT;
	enum jobq_status status = jobq_place_commands(&folder, err);

	if (status == JOBQ_OK) {
		jobq_buf_puts(out, begin);
		jobq_buf_puts(out, "bin=");
		put_word(out, folder.data);
		jobq_buf_putc(out, '\n');
		put_store(out, options->store_url);
		put_stages(out, options);
		if (options->until_empty)
			put_until(out, options);
		jobq_buf_puts(out, helpers);
		jobq_buf_puts(
		    out, options->fetch != NULL ? run_fetching : run_alone);
		jobq_buf_puts(out, more_helpers);
		put_work(out, options);
	}
	jobq_buf_release(&folder);
	return status;
}
