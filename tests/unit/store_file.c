#include "store_file.h"

#include "../support/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether this process has a lock of the file, as another one sees it. */
static bool
is_locked(const char *path)
{
	int pid = fork();

	if (pid == 0) {
		struct flock lock = { .l_type = F_WRLCK };
		int fd = open(path, O_RDWR);

		if (fd < 0 || fcntl(fd, F_GETLK, &lock) != 0)
			_exit(2);
		_exit(lock.l_type == F_UNLCK ? 0 : 1);
	}
	return jobq_unit_wait(pid) == 1;
}

JOBQ_TEST(store_file_takes_no_lock_from_connections_of_its_process)
{
	struct flock lock = { .l_type = F_RDLCK };
	char path[] = "./q.db";
	struct jobq_err err = { "" };
	int fd;

	check_int(jobq_store_file(path, JOBQ_STORE_CREATE, &err), JOBQ_OK);
	fd = open(path, O_RDWR);
	check(fd >= 0 && fcntl(fd, F_SETLK, &lock) == 0);
	check(is_locked(path));
	check_int(jobq_store_file(path, JOBQ_STORE_READ, &err), JOBQ_OK);
	check(is_locked(path));
	check_int(jobq_store_file(path, JOBQ_STORE_CREATE, &err), JOBQ_OK);
	check(is_locked(path));
	close(fd);
}

JOBQ_TEST(store_file_makes_folders_and_a_file_of_its_owner_alone)
{
	char path[] = "./a/b/q.db";
	struct jobq_err err = { "" };
	struct stat info;

	check_int(jobq_store_file(path, JOBQ_STORE_READ, &err), JOBQ_CONFIG);
	check_has(err.text, "there is no store './a/b/q.db'");
	check_int(jobq_store_file(path, JOBQ_STORE_CREATE, &err), JOBQ_OK);
	check_int(stat(path, &info), 0);
	check_int(info.st_mode & 0777, 0600);
	check_int(stat("./a", &info), 0);
	check_int(info.st_mode & 0777, 0700);
}
