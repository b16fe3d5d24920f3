/* Commands on open files: descriptors stay open from one request to the next until `close`, so a case can hold one over
 * a copy-up, an unlink or a drop of the kernel's caches. */
#include "protocol.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int run_open(const struct request *r)
{
    int fd = open(r->argument[0], (int)number(r, 1) | O_CLOEXEC, (mode_t)number(r, 2));
    answer_number(fd);
    return fd;
}

static int run_close(const struct request *r)
{
    return close((int)number(r, 0));
}

/* read FD OFFSET LENGTH: at the descriptor's own position where OFFSET is -1. */
static int run_read(const struct request *r)
{
    long long offset = number(r, 1);
    size_t length = (size_t)number(r, 2), done = 0;
    char *bytes = malloc(length + 1);
    ssize_t got = 1;
    while (done < length && got > 0) {
        got = offset < 0 ? read((int)number(r, 0), bytes + done, length - done)
                         : pread((int)number(r, 0), bytes + done, length - done, offset + (long long)done);
        done += got > 0 ? (size_t)got : 0;
    }
    int error = errno;
    answer_bytes(bytes, done);
    free(bytes);
    errno = error;
    return got < 0 ? -1 : 0;
}

/* write FD OFFSET DATA: at the descriptor's own position where OFFSET is -1; how many bytes. */
static int run_write(const struct request *r)
{
    long long offset = number(r, 1);
    ssize_t sent = offset < 0 ? write((int)number(r, 0), r->argument[2], r->length[2])
                              : pwrite((int)number(r, 0), r->argument[2], r->length[2], offset);
    answer_number(sent);
    return sent < 0 ? -1 : 0;
}

/* fill FD OFFSET LENGTH SEED: bytes that depend on seed and place, so that a shifted copy is seen. */
static int run_fill(const struct request *r)
{
    static unsigned char block[65536];
    long long offset = number(r, 1), length = number(r, 2), seed = number(r, 3);
    for (long long at = 0; at < length;) {
        size_t step = length - at < (long long)sizeof block ? (size_t)(length - at) : sizeof block;
        for (size_t i = 0; i < step; i++)
            block[i] = (unsigned char)((offset + at + (long long)i) * 2654435761ll >> 13) ^ (unsigned char)seed;
        ssize_t sent = pwrite((int)number(r, 0), block, step, offset + at);
        if (sent <= 0)
            return -1;
        at += sent;
    }
    return 0;
}

static int run_ftruncate(const struct request *r)
{
    return ftruncate((int)number(r, 0), number(r, 1));
}

static int run_fsync(const struct request *r)
{
    return fsync((int)number(r, 0));
}

/* fallocate FD MODE OFFSET LENGTH */
static int run_fallocate(const struct request *r)
{
    return fallocate((int)number(r, 0), (int)number(r, 1), number(r, 2), number(r, 3));
}

/* lseek FD OFFSET WHENCE */
static int run_lseek(const struct request *r)
{
    long long at = lseek((int)number(r, 0), number(r, 1), (int)number(r, 2));
    answer_number(at);
    return at < 0 ? -1 : 0;
}

/* copyrange FROM OFFSET TO OFFSET LENGTH: bytes copied. */
static int run_copyrange(const struct request *r)
{
    loff_t from = number(r, 1), to = number(r, 3);
    ssize_t copied = copy_file_range((int)number(r, 0), &from, (int)number(r, 2), &to, (size_t)number(r, 4), 0);
    answer_number(copied);
    return copied < 0 ? -1 : 0;
}

static int run_flock(const struct request *r)
{
    return flock((int)number(r, 0), (int)number(r, 1));
}

static struct flock range(const struct request *r)
{
    struct flock lock = {.l_whence = SEEK_SET, .l_start = number(r, 2), .l_len = number(r, 3)};
    lock.l_type = (short)number(r, 1);
    return lock;
}

/* setlk FD TYPE START LENGTH: a record lock of this process. */
static int run_setlk(const struct request *r)
{
    struct flock lock = range(r);
    return fcntl((int)number(r, 0), F_SETLK, &lock);
}

/* ofdlk FD TYPE START LENGTH: a lock of this open file description. */
static int run_ofdlk(const struct request *r)
{
    struct flock lock = range(r);
    return fcntl((int)number(r, 0), F_OFD_SETLK, &lock);
}

/* rivallk PATH TYPE START LENGTH: what another process gets that tries the same on the file. */
static int run_rivallk(const struct request *r)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = range(r);
        int fd = open(r->argument[0], O_RDWR | O_CLOEXEC);
        _exit(fd < 0 || fcntl(fd, F_SETLK, &lock) < 0 ? errno : 0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    errno = WEXITSTATUS(status);
    return errno ? -1 : 0;
}

const struct command data_commands[] = {
    {"open", 3, run_open},           {"close", 1, run_close},         {"read", 3, run_read},
    {"write", 3, run_write},         {"fill", 4, run_fill},           {"ftruncate", 2, run_ftruncate},
    {"fsync", 1, run_fsync},         {"fallocate", 4, run_fallocate}, {"lseek", 3, run_lseek},
    {"copyrange", 5, run_copyrange}, {"flock", 2, run_flock},         {"setlk", 4, run_setlk},
    {"ofdlk", 4, run_ofdlk},         {"rivallk", 4, run_rivallk},     {NULL, 0, NULL},
};
