#include "unit.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LIMIT_S 30

static struct jobq_unit *first;
static struct jobq_unit **last = &first;

void
jobq_unit_add(struct jobq_unit *unit)
{
	*last = unit;
	last = &unit->next;
}

void
jobq_unit_fail(const char *file, int line, const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *c = text; *c != '\0'; c++) {
		if (*c == '\n')
			*c = ' '; /* one comment of TAP is one line */
	}
	printf("# %s:%d: %s\n", file, line, text);
	exit(1);
}

void
jobq_unit_int(
    const char *file, int line, const char *what, intmax_t got, intmax_t wanted)
{
	if (got != wanted)
		jobq_unit_fail(
		    file, line, "%s is %jd, not %jd", what, got, wanted);
}

void
jobq_unit_text(const char *file, int line, const char *what, const char *at,
    size_t len, const char *wanted)
{
	if (at == NULL || wanted == NULL) {
		if (at != NULL || wanted != NULL)
			jobq_unit_fail(file, line, "%s is '%.*s', not '%s'",
			    what, (int)len, at != NULL ? at : "(null)",
			    wanted != NULL ? wanted : "(null)");
		return;
	}
	if (len != strlen(wanted) || memcmp(at, wanted, len) != 0)
		jobq_unit_fail(file, line, "%s is '%.*s', not '%s'", what,
		    (int)len, at, wanted);
}

int
jobq_unit_wait(int pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			jobq_unit_fail(
			    __FILE__, __LINE__, "waitpid: %s", strerror(errno));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int
remove_one(
    const char *path, const struct stat *info, int type, struct FTW *walk)
{
	(void)info;
	(void)type;
	(void)walk;
	return remove(path);
}

_Noreturn static void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* In the child: a process group of its own, so that nothing outlives it. */
_Noreturn static void
run_child(const struct jobq_unit *unit, const char *directory)
{
	setpgid(0, 0);
	if (chdir(directory) != 0)
		die(directory);
	alarm(LIMIT_S);
	unit->run();
	exit(0);
}

static bool
run_unit(const struct jobq_unit *unit, char *why, size_t size)
{
	const char *base = getenv("TMPDIR");
	char directory[4096];
	int outcome;
	pid_t pid;

	snprintf(directory, sizeof(directory), "%s/jobq-unit.XXXXXX",
	    base != NULL && *base == '/' ? base : "/tmp");
	if (mkdtemp(directory) == NULL)
		die(directory);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		run_child(unit, directory);
	outcome = jobq_unit_wait(pid);
	kill(-pid, SIGKILL);
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (outcome < 0)
		snprintf(why, size, "killed by %s", strsignal(-outcome));
	else
		snprintf(why, size, "exit %d", outcome);
	return outcome == 0;
}

static bool
is_wanted(const struct jobq_unit *unit, char **words)
{
	if (*words == NULL)
		return true;
	for (; *words != NULL; words++) {
		if (strstr(unit->name, *words) != NULL)
			return true;
	}
	return false;
}

/* Underscores of the identifier are the spaces of the sentence. */
static void
print_result(bool good, int number, const char *name, const char *why)
{
	printf("%sok %d - ", good ? "" : "not ", number);
	for (; *name != '\0'; name++)
		putchar(*name == '_' ? ' ' : *name);
	if (good)
		putchar('\n');
	else
		printf("\n# %s\n", why);
}

int
main(int argc, char **argv)
{
	int count = 0;
	int number = 0;
	int failed = 0;

	(void)argc;
	for (struct jobq_unit *unit = first; unit != NULL; unit = unit->next)
		count += is_wanted(unit, argv + 1);
	printf("1..%d\n", count);
	for (struct jobq_unit *unit = first; unit != NULL; unit = unit->next) {
		char why[256];
		bool good;

		if (!is_wanted(unit, argv + 1))
			continue;
		good = run_unit(unit, why, sizeof(why));
		failed += !good;
		print_result(good, ++number, unit->name, why);
	}
	return failed > 0 ? 1 : 0;
}
