/*
 * The probe's loop: read a line, find the command, run it, answer. A watchdog thread answers ETIMEDOUT and ends the
 * process when one call takes longer than 90 seconds, so that a hanging mount fails one case and not the whole run.
 */
#include "protocol.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 90

static char *answer;
static size_t answer_length, answer_room;
static volatile time_t started;

static void append(const char *text, size_t length)
{
    if (answer_length + length + 1 > answer_room) {
        answer_room = (answer_length + length + 1) * 2;
        answer = realloc(answer, answer_room);
        if (!answer)
            abort();
    }
    memcpy(answer + answer_length, text, length);
    answer_length += length;
    answer[answer_length] = 0;
}

void answer_bytes(const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    append(" ", 1);
    for (size_t i = 0; i < length; i++) {
        char encoded[4];
        if (byte[i] > 0x20 && byte[i] < 0x7f && byte[i] != '%')
            append((const char *)&byte[i], 1);
        else
            append(encoded, (size_t)snprintf(encoded, sizeof encoded, "%%%02x", byte[i]));
    }
}

void answer_string(const char *text)
{
    answer_bytes(text, strlen(text));
}

void answer_number(long long value)
{
    char text[32];
    append(text, (size_t)snprintf(text, sizeof text, " %lld", value));
}

long long number(const struct request *request, int index)
{
    return strtoll(request->argument[index], NULL, 0);
}

static size_t decode(char *text)
{
    char *to = text;
    for (char *from = text; *from; from++) {
        char hex[3] = {0};
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        memcpy(hex, from + 1, 2);
        *to++ = (char)strtol(hex, NULL, 16);
        from += 2;
    }
    *to = 0;
    return (size_t)(to - text);
}

static void split(char *line, struct request *request, char **command)
{
    request->count = 0;
    line[strcspn(line, "\n")] = 0;
    *command = strsep(&line, " ");
    while (line && request->count < MAX_ARGUMENTS) {
        char *argument = strsep(&line, " ");
        request->length[request->count] = decode(argument);
        request->argument[request->count++] = argument;
    }
}

static const struct command *find(const char *name)
{
    static const struct command *const tables[] = {name_commands,    attribute_commands, data_commands,
                                                   mapping_commands, tree_commands,      process_commands};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const struct command *row = tables[t]; row->name; row++)
            if (!strcmp(row->name, name))
                return row;
    return NULL;
}

static void serve(char *line)
{
    struct request request;
    char *name;
    int result = -1;
    split(line, &request, &name);
    const struct command *command = find(name);
    answer_length = 0;
    append("ok", 2);
    errno = EBADRQC;
    if (command && command->arguments == request.count)
        result = command->run(&request);
    if (result < 0) {
        int error = errno;
        answer_length = 0;
        append("err", 3);
        answer_number(error);
    }
    append("\n", 1);
}

static void send_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = write(1, bytes, length);
        if (sent < 0)
            _exit(1);
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void *watch(void *unused)
{
    for (;;) {
        char line[16];
        sleep(1);
        time_t since = started;
        if (!since || time(NULL) - since < PATIENCE_SECONDS)
            continue;
        send_all(line, (size_t)snprintf(line, sizeof line, "err %d\n", ETIMEDOUT));
        _exit(3);
    }
    return unused;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    pthread_t watchdog;
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    if (pthread_create(&watchdog, NULL, watch, NULL))
        return 1;
    while (getline(&line, &room, stdin) > 0) {
        started = time(NULL);
        serve(line);
        started = 0;
        send_all(answer, answer_length);
    }
    return 0;
}
