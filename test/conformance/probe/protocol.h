/*
 * The syscall probe: one process that makes system calls for the conformance cases, because Node's fs lacks most of
 * them and because a case must be able to act inside another mount namespace as another user. It reads one request
 * per line, `command arg arg`, and answers one line, `ok token token` or `err ERRNO`. Arguments and tokens are
 * percent-encoded bytes separated by one space; an empty one is an empty string. It decides nothing: what a call
 * should have done is for the case to say.
 */
#ifndef STRATAFS_PROBE_PROTOCOL_H
#define STRATAFS_PROBE_PROTOCOL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_ARGUMENTS 12

struct request {
    int count;
    char *argument[MAX_ARGUMENTS];
    size_t length[MAX_ARGUMENTS];
};

/* Returns >= 0, or -1 with errno set. */
struct command {
    const char *name;
    int arguments;
    int (*run)(const struct request *request);
};

/* Tables end with a null name. */
extern const struct command name_commands[];
extern const struct command attribute_commands[];
extern const struct command data_commands[];
extern const struct command mapping_commands[];
extern const struct command tree_commands[];
extern const struct command process_commands[];

/* Each appends one token to the answer. */
void answer_bytes(const void *bytes, size_t length);
void answer_string(const char *text);
void answer_number(long long value);

/* Argument `index` as a number: decimal, octal with a leading 0, or hexadecimal with 0x. */
long long number(const struct request *request, int index);

#endif
