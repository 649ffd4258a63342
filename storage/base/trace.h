/* trace: what orch does, for those who look. ORCH_TRACE=sched,store,engine (or all) writes lines to stderr;
 * ORCH_TRACE_FILE=path appends them as JSON lines {t, pid, area, text}. Costs one branch when off. */
#ifndef STORAGE_BASE_TRACE_H
#define STORAGE_BASE_TRACE_H

enum trace_area { TRACE_SCHED = 1, TRACE_STORE = 2, TRACE_ENGINE = 4 };
extern unsigned trace_areas; /* bits that are on; set by trace_init */
void trace_init(void);
void trace_write(enum trace_area area, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define trace(area, ...) ((trace_areas & (area)) ? trace_write((area), __VA_ARGS__) : (void)0)

#endif
