#include "worker.h"

#include "buf.h"
#include "mem.h"

#include <limits.h>
#include <stdint.h>
#include <sys/random.h>
#include <unistd.h>

#include "banned.h"

char *
jobq_worker_name(const char *given)
{
	struct jobq_buf name = JOBQ_BUF_INIT;
	char host[HOST_NAME_MAX + 1] = "localhost";
	uint32_t random = 0;

	if (given != NULL)
		return jobq_xstrdup(given);
	gethostname(host, sizeof host - 1);
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = 0;
	jobq_buf_printf(&name, "%s:%d:%08x", host, (int)getpid(), random);
	return jobq_buf_detach(&name);
}
