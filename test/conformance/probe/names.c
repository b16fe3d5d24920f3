/* Commands that change or read directory entries: what the kernel calls inode operations of a directory. */
#include "protocol.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int run_mkdir(const struct request *r)
{
    return mkdir(r->argument[0], (mode_t)number(r, 1));
}

static int run_rmdir(const struct request *r)
{
    return rmdir(r->argument[0]);
}

static int run_unlink(const struct request *r)
{
    return unlink(r->argument[0]);
}

/* rename FROM TO FLAGS: plain rename(2) where there are no flags. */
static int run_rename(const struct request *r)
{
    unsigned flags = (unsigned)number(r, 2);
    if (!flags)
        return rename(r->argument[0], r->argument[1]);
    return (int)syscall(SYS_renameat2, AT_FDCWD, r->argument[0], AT_FDCWD, r->argument[1], flags);
}

static int run_link(const struct request *r)
{
    return link(r->argument[0], r->argument[1]);
}

/* linkfd FD TO: gives an unnamed (or any open) file a name. */
static int run_linkfd(const struct request *r)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%lld", number(r, 0));
    return linkat(AT_FDCWD, path, AT_FDCWD, r->argument[1], AT_SYMLINK_FOLLOW);
}

/* symlink TARGET PATH */
static int run_symlink(const struct request *r)
{
    return symlink(r->argument[0], r->argument[1]);
}

static int run_readlink(const struct request *r)
{
    char target[PATH_MAX];
    ssize_t length = readlink(r->argument[0], target, sizeof target);
    if (length >= 0)
        answer_bytes(target, (size_t)length);
    return length < 0 ? -1 : 0;
}

/* mknod PATH MODE MAJOR MINOR, the mode with its type bits. */
static int run_mknod(const struct request *r)
{
    dev_t device = makedev((unsigned)number(r, 2), (unsigned)number(r, 3));
    return mknod(r->argument[0], (mode_t)number(r, 1), device);
}

/* bind PATH: a unix socket bound there, left open. */
static int run_bind(const struct request *r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (r->length[0] >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, r->argument[0], r->length[0]);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0)
        return -1;
    answer_number(fd);
    return 0;
}

/* connect PATH: whether something accepts there; the connection is closed again. */
static int run_connect(const struct request *r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, r->argument[0], r->length[0] < sizeof address.sun_path ? r->length[0] : 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int result = connect(fd, (struct sockaddr *)&address, sizeof address), error = errno;
    close(fd);
    errno = error;
    return result;
}

const struct command name_commands[] = {
    {"mkdir", 2, run_mkdir},     {"rmdir", 1, run_rmdir},   {"unlink", 1, run_unlink},     {"rename", 3, run_rename},
    {"link", 2, run_link},       {"linkfd", 2, run_linkfd}, {"symlink", 2, run_symlink},
    {"readlink", 1, run_readlink},
    {"mknod", 4, run_mknod},     {"bind", 1, run_bind},     {"connect", 1, run_connect},   {NULL, 0, NULL},
};
