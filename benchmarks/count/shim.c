/* What ctypes asks of callgrind: count from zero, and write the count under a name. */

#include <valgrind/callgrind.h>

void begin(void) { CALLGRIND_START_INSTRUMENTATION; }

void zero(void) { CALLGRIND_ZERO_STATS; }

void write_as(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }

void end(void) { CALLGRIND_STOP_INSTRUMENTATION; }
