/* Commands on memory mappings, each kept in a numbered slot until `munmap`. */
#include "protocol.h"

#include <string.h>
#include <sys/mman.h>

#define SLOTS 16

static struct {
    char *base;
    size_t length;
} mappings[SLOTS];

/* mmap FD LENGTH SHARED WRITABLE: the slot. */
static int run_mmap(const struct request *r)
{
    int slot = 0;
    while (slot < SLOTS - 1 && mappings[slot].base)
        slot++;
    int protection = PROT_READ | (number(r, 3) ? PROT_WRITE : 0);
    size_t length = (size_t)number(r, 1);
    void *base = mmap(NULL, length, protection, number(r, 2) ? MAP_SHARED : MAP_PRIVATE, (int)number(r, 0), 0);
    if (base == MAP_FAILED)
        return -1;
    mappings[slot].base = base;
    mappings[slot].length = length;
    answer_number(slot);
    return 0;
}

/* mapread SLOT OFFSET LENGTH */
static int run_mapread(const struct request *r)
{
    answer_bytes(mappings[number(r, 0)].base + number(r, 1), (size_t)number(r, 2));
    return 0;
}

/* mapwrite SLOT OFFSET DATA */
static int run_mapwrite(const struct request *r)
{
    memcpy(mappings[number(r, 0)].base + number(r, 1), r->argument[2], r->length[2]);
    return 0;
}

static int run_msync(const struct request *r)
{
    return msync(mappings[number(r, 0)].base, mappings[number(r, 0)].length, MS_SYNC);
}

static int run_munmap(const struct request *r)
{
    int slot = (int)number(r, 0);
    int result = munmap(mappings[slot].base, mappings[slot].length);
    mappings[slot].base = NULL;
    return result;
}

const struct command mapping_commands[] = {
    {"mmap", 4, run_mmap},   {"mapread", 3, run_mapread}, {"mapwrite", 3, run_mapwrite},
    {"msync", 1, run_msync}, {"munmap", 1, run_munmap},   {NULL, 0, NULL},
};
