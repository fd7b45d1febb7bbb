/* Copyright (c) 2026, the bandr.postgres authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a server of any major version from 15 on needs of the regression suite's library to take a dump that names its functions:
 * that they are there. It is compiled without PostgreSQL's headers, which not every installation brings along, so the few things
 * that a server looks at are written down here. MAJOR is its version; FUNCTIONS names all but those below as F(name) F(name).
 */
#include <stdio.h>

extern void *palloc(unsigned long size);

struct description {
    int length;
    int values[5];
    char kind[32];
#if MAJOR >= 18
    const char *name;
    const char *version;
#endif
};

const struct description *Pg_magic_func(void)
{
    static const struct description ours = {.length = sizeof ours, .values = {MAJOR * 100, 100, 32, 64, 1}, .kind = "PostgreSQL"};
    return &ours;
}

static const struct { int version; } convention = {1};

#define EXISTS(name) const void *pg_finfo_##name(void) { return &convention; }
/* No dump and no restore calls one of these; whoever does ends the server, and the test with it. */
#define F(name) EXISTS(name) unsigned long name(void *call) { (void)call; __builtin_trap(); }

FUNCTIONS

/* The type city_budget, four numbers in a row, of which a table has some. */
struct call {
    void *function, *context, *result;
    unsigned collation;
    _Bool null;
    short count;
    struct { unsigned long value; _Bool null; } arguments[1];
};

EXISTS(int44in)
unsigned long int44in(struct call *call)
{
    int *numbers = palloc(4 * sizeof *numbers);
    numbers[0] = numbers[1] = numbers[2] = numbers[3] = 0;
    sscanf((const char *)call->arguments[0].value, "%d,%d,%d,%d", numbers, numbers + 1, numbers + 2, numbers + 3);
    return (unsigned long)numbers;
}

EXISTS(int44out)
unsigned long int44out(struct call *call)
{
    const int *numbers = (const int *)call->arguments[0].value;
    char *text = palloc(64);
    snprintf(text, 64, "%d,%d,%d,%d", numbers[0], numbers[1], numbers[2], numbers[3]);
    return (unsigned long)text;
}
