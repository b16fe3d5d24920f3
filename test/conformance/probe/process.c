/* Commands about the probe itself: where it stands, who it is, and what it runs. */
#include "protocol.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* enter PATH: relative paths of all later requests start here. */
static int run_enter(const struct request *r)
{
    return chdir(r->argument[0]);
}

static int run_umask(const struct request *r)
{
    umask((mode_t)number(r, 0));
    return 0;
}

/* become UID GID GROUP: the effective ids and one group beside (-1: none), so that capabilities come and go with them;
 * `0 0 -1` is the way back. */
static int run_become(const struct request *r)
{
    uid_t uid = (uid_t)number(r, 0);
    gid_t gid = (gid_t)number(r, 1);
    gid_t group = (gid_t)number(r, 2);
    if (setresuid((uid_t)-1, 0, (uid_t)-1) < 0 || setgroups(group == (gid_t)-1 ? 0 : 1, &group) < 0)
        return -1;
    return setresgid((gid_t)-1, gid, (gid_t)-1) < 0 ? -1 : setresuid((uid_t)-1, uid, (uid_t)-1);
}

/* run PATH ARGUMENT: a program's exit status, or why it could not be started. */
static int run_run(const struct request *r)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        execl(r->argument[0], r->argument[0], r->argument[1], (char *)NULL);
        _exit(128 + errno % 100);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) >= 128) {
        errno = WEXITSTATUS(status) - 128;
        return -1;
    }
    answer_number(WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status));
    return 0;
}

static int run_pid(const struct request *r)
{
    (void)r;
    answer_number(getpid());
    return 0;
}

const struct command process_commands[] = {
    {"enter", 1, run_enter}, {"umask", 1, run_umask}, {"become", 3, run_become},
    {"run", 2, run_run},     {"pid", 0, run_pid},     {NULL, 0, NULL},
};
