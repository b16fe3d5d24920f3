/* Commands on whole directories: listings as getdents64 gives them, many files at once, and the snapshot of a tree
 * that cases compare before and after. */
#include "protocol.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* list PATH: name, type and inode number of each entry, `.` and `..` too. */
static int run_list(const struct request *r)
{
    DIR *directory = opendir(r->argument[0]);
    struct dirent *entry;
    if (!directory)
        return -1;
    while (errno = 0, (entry = readdir(directory))) {
        answer_string(entry->d_name);
        answer_number(entry->d_type);
        answer_number((long long)entry->d_ino);
    }
    int error = errno;
    closedir(directory);
    errno = error;
    return error ? -1 : 0;
}

/* getdents FD ROOM: one call with a buffer of ROOM bytes; for each entry its name and the offset that follows it. */
static int run_getdents(const struct request *r)
{
    static char buffer[1 << 16] __attribute__((aligned(8)));
    size_t room = (size_t)number(r, 1) < sizeof buffer ? (size_t)number(r, 1) : sizeof buffer;
    long got = syscall(SYS_getdents64, (int)number(r, 0), buffer, room);
    for (long at = 0; at < got;) {
        struct dirent64 *entry = (struct dirent64 *)(buffer + at);
        answer_string(entry->d_name);
        answer_number(entry->d_off);
        at += entry->d_reclen;
    }
    return got < 0 ? -1 : 0;
}

/* touchmany DIRECTORY PREFIX COUNT: empty files PREFIX0, PREFIX1, … */
static int run_touchmany(const struct request *r)
{
    char path[PATH_MAX];
    for (long long i = 0; i < number(r, 2); i++) {
        snprintf(path, sizeof path, "%s/%s%lld", r->argument[0], r->argument[1], i);
        int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
        if (fd < 0)
            return -1;
        close(fd);
    }
    return 0;
}

static uint64_t mix(uint64_t hash, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ bytes[i]) * 1099511628211ull;
    return hash;
}

static void answer_content(const char *path)
{
    static unsigned char block[65536];
    char text[32];
    uint64_t hash = 14695981039346656037ull;
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOATIME);
    if (fd < 0)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        answer_string(strerror(errno));
        return;
    }
    while ((got = read(fd, block, sizeof block)) > 0)
        hash = mix(hash, block, (size_t)got);
    close(fd);
    snprintf(text, sizeof text, "%016llx", (unsigned long long)hash);
    answer_string(got < 0 ? "unreadable" : text);
}

static void answer_target(const char *path)
{
    char target[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof target);
    answer_bytes(target, length < 0 ? 0 : (size_t)length);
}

/* hash PATH: of the content, as snapshots hold it. */
static int run_hash(const struct request *r)
{
    answer_content(r->argument[0]);
    return 0;
}

/* One token `name=value` per xattr, after their count. */
static void answer_xattrs(const char *path)
{
    static char names[65536], pair[66000];
    ssize_t length = llistxattr(path, names, sizeof names);
    int count = 0;
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1)
        count++;
    answer_number(count);
    for (ssize_t at = 0; at < length; at += (ssize_t)strlen(names + at) + 1) {
        int used = snprintf(pair, 300, "%s=", names + at);
        ssize_t size = lgetxattr(path, names + at, pair + used, sizeof pair - (size_t)used);
        answer_bytes(pair, (size_t)used + (size_t)(size < 0 ? 0 : size));
    }
}

static int visit(const char *path, const struct stat *at, int type, struct FTW *where)
{
    (void)type;
    (void)where;
    answer_string(path);
    answer_number(at->st_mode);
    answer_number(at->st_uid);
    answer_number(at->st_gid);
    answer_number((long long)at->st_nlink);
    answer_number(S_ISDIR(at->st_mode) ? 0 : (long long)at->st_size);
    answer_number((long long)at->st_mtim.tv_sec * 1000000000ll + at->st_mtim.tv_nsec);
    answer_number(((long long)major(at->st_rdev) << 32) | minor(at->st_rdev));
    answer_number((long long)at->st_ino);
    if (S_ISREG(at->st_mode))
        answer_content(path);
    else if (S_ISLNK(at->st_mode))
        answer_target(path);
    else
        answer_string("");
    answer_xattrs(path);
    return 0;
}

/* snapshot DIRECTORY: for every file in it ten fields, then its xattrs. */
static int run_snapshot(const struct request *r)
{
    return nftw(r->argument[0], visit, 32, FTW_PHYS);
}

static int take_away(const char *path, const struct stat *at, int type, struct FTW *where)
{
    (void)at;
    (void)type;
    (void)where;
    return remove(path);
}

/* removetree PATH: the directory and all in it, never through a symbolic link or into another mount. */
static int run_removetree(const struct request *r)
{
    return nftw(r->argument[0], take_away, 32, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
}

const struct command tree_commands[] = {
    {"list", 1, run_list}, {"getdents", 2, run_getdents}, {"touchmany", 3, run_touchmany},     {"hash", 1, run_hash},
    {"snapshot", 1, run_snapshot}, {"removetree", 1, run_removetree}, {NULL, 0, NULL},
};
