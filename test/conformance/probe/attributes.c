/* Commands for attributes: statx, mode, owner, times, size, xattrs, inode flags, statfs, access. Nothing follows a
 * symbolic link in the last component, except where the system call cannot do otherwise (chmod, truncate, access). */
#include "protocol.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static void answer_time(struct statx_timestamp at)
{
    answer_number((long long)at.tv_sec * 1000000000ll + at.tv_nsec);
}

static int answer_statx(int fd, const char *path, int flags)
{
    struct statx at;
    if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &at) < 0)
        return -1;
    answer_number(at.stx_mode);
    answer_number(at.stx_nlink);
    answer_number(at.stx_uid);
    answer_number(at.stx_gid);
    answer_number(at.stx_rdev_major);
    answer_number(at.stx_rdev_minor);
    answer_number((long long)at.stx_size);
    answer_number((long long)at.stx_blocks);
    answer_number((long long)at.stx_ino);
    answer_number(((long long)at.stx_dev_major << 32) | at.stx_dev_minor);
    answer_time(at.stx_atime);
    answer_time(at.stx_mtime);
    answer_time(at.stx_ctime);
    answer_time(at.stx_btime);
    answer_number(at.stx_mask);
    return 0;
}

static int run_stat(const struct request *r)
{
    return answer_statx(AT_FDCWD, r->argument[0], AT_SYMLINK_NOFOLLOW);
}

static int run_fstat(const struct request *r)
{
    return answer_statx((int)number(r, 0), "", AT_EMPTY_PATH);
}

static int run_chmod(const struct request *r)
{
    return chmod(r->argument[0], (mode_t)number(r, 1));
}

static int run_fchmod(const struct request *r)
{
    return fchmod((int)number(r, 0), (mode_t)number(r, 1));
}

static int run_chown(const struct request *r)
{
    return lchown(r->argument[0], (uid_t)number(r, 1), (gid_t)number(r, 2));
}

static struct timespec when(const struct request *r, int index)
{
    const char *text = r->argument[index];
    if (!strcmp(text, "now"))
        return (struct timespec){0, UTIME_NOW};
    if (!strcmp(text, "omit"))
        return (struct timespec){0, UTIME_OMIT};
    long long nanoseconds = number(r, index);
    long long seconds = nanoseconds / 1000000000ll, rest = nanoseconds % 1000000000ll;
    if (rest < 0) {
        seconds--;
        rest += 1000000000ll;
    }
    return (struct timespec){seconds, rest};
}

/* utimes PATH ATIME MTIME: nanoseconds since 1970, `now` or `omit`. */
static int run_utimes(const struct request *r)
{
    struct timespec times[2] = {when(r, 1), when(r, 2)};
    return utimensat(AT_FDCWD, r->argument[0], times, AT_SYMLINK_NOFOLLOW);
}

static int run_truncate(const struct request *r)
{
    return truncate(r->argument[0], number(r, 1));
}

static int run_getxattr(const struct request *r)
{
    static char value[65536];
    ssize_t length = lgetxattr(r->argument[0], r->argument[1], value, sizeof value);
    if (length >= 0)
        answer_bytes(value, (size_t)length);
    return length < 0 ? -1 : 0;
}

/* setxattr PATH NAME VALUE FLAGS */
static int run_setxattr(const struct request *r)
{
    return lsetxattr(r->argument[0], r->argument[1], r->argument[2], r->length[2], (int)number(r, 3));
}

static int run_listxattr(const struct request *r)
{
    static char names[65536];
    ssize_t length = llistxattr(r->argument[0], names, sizeof names);
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1)
        answer_string(names + at);
    return length < 0 ? -1 : 0;
}

/* xattrsize PATH NAME SIZE: getxattr into a buffer of SIZE bytes; what it returned. */
static int run_xattrsize(const struct request *r)
{
    size_t room = (size_t)number(r, 2);
    char *value = room ? malloc(room) : NULL;
    ssize_t length = lgetxattr(r->argument[0], r->argument[1], value, room);
    int error = errno;
    free(value);
    errno = error;
    answer_number(length);
    return length < 0 ? -1 : 0;
}

static int run_removexattr(const struct request *r)
{
    return lremovexattr(r->argument[0], r->argument[1]);
}

static int with_flags(const char *path, unsigned long request, int *flags)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = ioctl(fd, request, flags), error = errno;
    close(fd);
    errno = error;
    return result;
}

/* The time of change of content alone: the kernel may know that one where it would ask for the others. */
static int run_mtime(const struct request *r)
{
    struct statx at;
    if (statx(AT_FDCWD, r->argument[0], AT_SYMLINK_NOFOLLOW, STATX_MTIME, &at) < 0)
        return -1;
    answer_time(at.stx_mtime);
    return 0;
}

static int run_getflags(const struct request *r)
{
    int flags = 0;
    int result = with_flags(r->argument[0], FS_IOC_GETFLAGS, &flags);
    answer_number(flags);
    return result;
}

static int run_setflags(const struct request *r)
{
    int flags = (int)number(r, 1);
    return with_flags(r->argument[0], FS_IOC_SETFLAGS, &flags);
}

static int run_statfs(const struct request *r)
{
    struct statfs at;
    if (statfs(r->argument[0], &at) < 0)
        return -1;
    answer_number((long long)at.f_type);
    answer_number((long long)at.f_bsize);
    answer_number((long long)at.f_blocks);
    answer_number((long long)at.f_bfree);
    answer_number((long long)at.f_files);
    answer_number((long long)at.f_namelen);
    return 0;
}

/* access PATH MODE, with the effective ids. */
static int run_access(const struct request *r)
{
    return faccessat(AT_FDCWD, r->argument[0], (int)number(r, 1), AT_EACCESS);
}

const struct command attribute_commands[] = {
    {"stat", 1, run_stat},
    {"fstat", 1, run_fstat},
    {"chmod", 2, run_chmod},
    {"fchmod", 2, run_fchmod},
    {"chown", 3, run_chown},
    {"utimes", 3, run_utimes},
    {"truncate", 2, run_truncate},
    {"getxattr", 2, run_getxattr},
    {"setxattr", 4, run_setxattr},
    {"listxattr", 1, run_listxattr},
    {"xattrsize", 3, run_xattrsize},
    {"removexattr", 2, run_removexattr},
    {"mtime", 1, run_mtime},
    {"getflags", 1, run_getflags},
    {"setflags", 2, run_setflags},
    {"statfs", 1, run_statfs},
    {"access", 2, run_access},
    {NULL, 0, NULL},
};
